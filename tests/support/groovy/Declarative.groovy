/** A declarative Pipeline: its directives are read first, then its stages run in order. */
class Declarative {
    static final List<String> PIPELINE = ['agent', 'options', 'parameters', 'environment', 'triggers', 'stages', 'post']
    static final List<String> STAGE = ['agent', 'options', 'environment', 'when', 'input', 'steps', 'stages', 'post']
    static final List<String> OPTIONS = ['disableConcurrentBuilds', 'timeout', 'buildDiscarder', 'logRotator', 'lock',
                                         'skipDefaultCheckout', 'timestamps', 'retry', 'copyArtifactPermission',
                                         'durabilityHint', 'skipStagesAfterUnstable', 'disableResume', 'quietPeriod']
    static final List<String> POST = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success',
                                      'unstable', 'unsuccessful', 'notBuilt', 'cleanup']
    static final List<String> PARAMETERS = ['string', 'booleanParam', 'choice', 'text']
    static final List<String> INPUT = ['message', 'ok', 'id', 'submitter', 'submitterParameter', 'parameters']
    static final List<String> WRAPPERS = ['lock', 'timeout', 'timestamps', 'retry']
    final Set<String> NAMES = ['pipeline'] as Set

    private final Build build

    Declarative(Build build) {
        this.build = build
    }

    private Directive read(String block, List<String> known, part) {
        return Directive.read(block, known, part as Closure, build.script)
    }

    void pipeline(Closure part) {
        Directive whole = read('pipeline', PIPELINE, part)
        ['agent', 'stages'].findAll { !whole.has(it) }.each {
            throw new StepFailed("WorkflowScript: Missing required section \"${it}\"")
        }
        if (whole.has('parameters')) {
            declare(whole.first('parameters') as Closure)
        }
        around(whole) {
            guarded { stages(whole.first('stages') as Closure) }
            post(whole)
        }
    }

    /** As a server does, refuse a parameter that the job does not declare. */
    private void declare(Closure part) {
        Directive declared = read('parameters', PARAMETERS, part)
        List names = declared.everything().collect { it[1][0].name }
        build.params.keySet().findAll { !names.contains(it) }.each {
            throw new StepFailed("the job declares no parameter ${it}; it has ${names}")
        }
        declared.everything().each { kind, given -> build.declared(kind as String, given[0] as Map) }
    }

    private void stages(Closure part) {
        Directive listed = read('stages', ['stage'], part)
        listed.every('stage').each { name, body ->
            if (build.current.currentResult in ['FAILURE', 'ABORTED']) {
                build.tell("Stage \"${name}\" skipped due to earlier failure(s)")
            } else {
                stage(name as String, body as Closure)
            }
        }
    }

    private void stage(String name, Closure part) {
        Directive stage = read('stage', STAGE, part)
        if (stage.has('steps') == stage.has('stages')) {
            throw new StepFailed("WorkflowScript: stage \"${name}\" needs either steps or stages")
        }
        build.tell("[Pipeline] { (${name})")
        Directive when = stage.has('when') ? read('when', When.KNOWN, stage.first('when')) : null
        boolean early = when?.first('beforeInput') == true
        guarded {
            if (early && !When.holds(when, build)) {
                skip(name)
                return
            }
            ask(stage)
            around(stage) {
                if (when && !early && !When.holds(when, build)) {
                    skip(name)
                } else {
                    work(name, stage)
                }
            }
        }
    }

    private void skip(String name) {
        build.tell("Stage \"${name}\" skipped due to when conditional")
    }

    private void work(String name, Directive stage) {
        build.stages << name
        guarded {
            if (stage.has('steps')) {
                build.body(stage.first('steps') as Closure)
            } else {
                stages(stage.first('stages') as Closure)
            }
        }
        post(stage)
    }

    private void ask(Directive stage) {
        if (!stage.has('input')) {
            return
        }
        Directive input = read('input', INPUT, stage.first('input'))
        build.step('input', [INPUT.findAll { input.has(it) && it != 'parameters' }.collectEntries { [it, input.first(it)] }])
    }

    /** Run a part inside what surrounds it: options, agent, environment. */
    private void around(Directive section, Closure part) {
        Closure inner = part
        if (section.has('environment')) {
            Closure within = inner
            inner = { build.env.within(Assignments.read(section.first('environment') as Closure, build), within) }
        }
        def agent = section.first('agent')
        if (agent != null && agent != 'none') {
            Closure within = inner
            inner = { build.step('node', [label(agent), within]) }
        }
        wrapped(section, inner).call()
    }

    private Closure wrapped(Directive section, Closure part) {
        if (!section.has('options')) {
            return part
        }
        Directive options = read('options', OPTIONS, section.first('options'))
        return options.everything().reverse().inject(part) { inner, option ->
            WRAPPERS.contains(option[0]) ? { build.step(option[0] as String, option[1] + [inner]) } : inner
        }
    }

    private String label(agent) {
        if (agent == 'any') {
            return ''
        }
        if (!(agent instanceof Closure)) {
            throw new StepFailed("WorkflowScript: no agent: ${agent}")
        }
        Directive chosen = read('agent', ['label', 'docker', 'node'], agent)
        return chosen.first('label') ?: ''
    }

    /** A failure ends the part, not the post sections after it. */
    private void guarded(Closure part) {
        try {
            part.call()
        } catch (Throwable failure) {
            build.record(failure)
        }
    }

    private void post(Directive section) {
        if (!section.has('post')) {
            return
        }
        Directive conditions = read('post', POST, section.first('post'))
        POST.findAll { conditions.has(it) && applies(it, build.current.currentResult) }.each { condition ->
            guarded { build.body(conditions.first(condition) as Closure) }
        }
    }

    private static boolean applies(String condition, String result) {
        switch (condition) {
            case ['always', 'cleanup']: return true
            case 'unsuccessful': return result != 'SUCCESS'
            case 'notBuilt': return result == 'NOT_BUILT'
            case ['changed', 'fixed', 'regression']: return false
            default: return result.toLowerCase() == condition || (condition == 'aborted' && result == 'ABORTED')
        }
    }
}
