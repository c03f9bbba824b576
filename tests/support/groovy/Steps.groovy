import java.util.concurrent.TimeUnit

/** The steps that need no workspace, and `sh`. */
class Steps {
    final Set<String> NAMES = ['node', 'stage', 'script', 'echo', 'error', 'unstable', 'sh', 'withEnv', 'isUnix',
                               'withCredentials', 'azureServicePrincipal', 'usernamePassword', 'string', 'file', 'timeout',
                               'lock', 'retry', 'catchError', 'warnError', 'timestamps', 'input', 'build', 'parallel',
                               'properties', 'booleanParam', 'choice', 'text', 'buildDiscarder', 'logRotator',
                               'parameters', 'disableConcurrentBuilds'] as Set

    private final Build build
    private final List<Long> deadlines = []

    Steps(Build build) {
        this.build = build
    }

    def node(String label = '', Closure part) {
        Map<String, String> layer = [WORKSPACE: build.workspace.path, NODE_NAME: label ?: 'built-in']
        build.nodes++
        try {
            return build.env.within(layer) { build.body(part) }
        } finally {
            build.nodes--
        }
    }

    def stage(String name, Closure part) {
        build.stages << name
        build.tell("[Pipeline] { (${name})")
        return build.body(part)
    }

    def script(Closure part) {
        return build.body(part)
    }

    void echo(message) {
        build.tell(message)
    }

    void error(message) {
        throw new StepFailed(message instanceof Map ? message.message as String : message.toString())
    }

    void unstable(message) {
        build.tell("WARNING: ${message instanceof Map ? message.message : message}")
        build.current.result = 'UNSTABLE'
    }

    boolean isUnix() {
        build.needsNode('isUnix')
        return true
    }

    def withEnv(List overrides, Closure part) {
        Map<String, String> layer = [:]
        overrides.each { pair ->
            int split = pair.indexOf('=')
            if (split < 0) {
                throw new StepFailed("java.lang.IllegalArgumentException: ${pair}")
            }
            layer[pair.substring(0, split)] = pair.substring(split + 1)
        }
        return build.env.within(layer) { build.body(part) }
    }

    def withCredentials(List bindings, Closure part) {
        Map<String, String> layer = [:]
        bindings.each { layer.putAll(it as Map) }
        build.secrets.addAll(layer.values())
        try {
            return build.env.within(layer) { build.body(part) }
        } finally {
            layer.size().times { build.secrets.remove(build.secrets.size() - 1) }
        }
    }

    Map azureServicePrincipal(given) {
        Map names = given instanceof Map ? given : [:]
        String id = given instanceof Map ? given.credentialsId : given
        Map found = credential(id)
        return [(names.subscriptionIdVariable ?: 'AZURE_SUBSCRIPTION_ID'): found.subscription_id,
                (names.clientIdVariable ?: 'AZURE_CLIENT_ID'): found.client_id,
                (names.clientSecretVariable ?: 'AZURE_CLIENT_SECRET'): found.client_secret,
                (names.tenantIdVariable ?: 'AZURE_TENANT_ID'): found.tenant_id]
    }

    Map usernamePassword(Map given) {
        Map found = credential(given.credentialsId as String)
        return [(given.usernameVariable): found.username, (given.passwordVariable): found.password]
    }

    /** A binding of secret text, the value of a parameter for `build`, or a declaration, by what it is given. */
    Map string(Map given) {
        return given.credentialsId ? [(given.variable): credential(given.credentialsId as String).secret] : given
    }

    /** A binding of a secret file: the variable has the path of a copy. */
    Map file(Map given) {
        File copy = File.createTempFile('secret', '.file')
        copy.deleteOnExit()
        copy.setText(credential(given.credentialsId as String).secret as String, 'UTF-8')
        return [(given.variable): copy.path]
    }

    Map booleanParam(Map given) {
        return given + [kind: 'booleanParam']
    }

    Map choice(Map given) {
        return given + [kind: 'choice']
    }

    Map text(Map given) {
        return given
    }

    private Map credential(String id) {
        Map found = build.server.credentials[id] as Map
        if (found == null) {
            throw new StepFailed(id)
        }
        return found
    }

    def timeout(Map limit, Closure part) {
        String unit = limit.unit ?: 'MINUTES'
        deadlines << System.nanoTime() + TimeUnit.valueOf(unit).toNanos(limit.time as long)
        try {
            return build.body(part)
        } finally {
            deadlines.remove(deadlines.size() - 1)
        }
    }

    def timeout(int minutes, Closure part) {
        return timeout([time: minutes], part)
    }

    def lock(given, Closure part) {
        build.tell("Lock acquired on [${given instanceof Map ? given.resource : given}]")
        return build.body(part)
    }

    def timestamps(Closure part) {
        return build.body(part)
    }

    def retry(int count, Closure part) {
        for (int attempt = 1; ; attempt++) {
            try {
                return build.body(part)
            } catch (StepFailed failure) {
                if (attempt == count) {
                    throw failure
                }
                build.tell("ERROR: ${failure.message}\nRetrying")
            }
        }
    }

    def catchError(Map given = [:], Closure part) {
        try {
            return build.body(part)
        } catch (StepFailed | Interrupted failure) {
            if (failure instanceof Interrupted && given.catchInterruptions == false) {
                throw failure
            }
            build.tell("ERROR: ${failure.message}")
            build.current.result = given.buildResult ?: 'FAILURE'
        }
        return null
    }

    def warnError(String message, Closure part) {
        return catchError([message: message, buildResult: 'UNSTABLE'], part)
    }

    def parallel(Map branches) {
        return branches.findAll { it.value instanceof Closure }.collectEntries { name, part -> [name, build.body(part as Closure)] }
    }

    /** A person's answer comes from the test: `abort`, or what was filled in. */
    def input(given) {
        Map asked = given instanceof Map ? given : [message: given]
        build.inputs << [message: asked.message?.toString(), ok: asked.ok?.toString(), in_node: build.nodes > 0]
        def answer = build.server.answers[asked.id ?: asked.message?.toString()]
        build.tell("Input requested: ${asked.message}")
        if (answer == 'abort') {
            throw new Interrupted('Rejected by the one who was asked')
        }
        return answer
    }

    def build(given) {
        Map asked = given instanceof Map ? given : [job: given]
        Map values = (asked.parameters ?: []).collectEntries { [it.name, it.value] }
        Map start = [job: asked.job.toString(), parameters: values, wait: asked.wait != false]
        build.started << start
        build.tell("Scheduling project: ${asked.job}")
        def known = build.server.jobs[start.job - ~'^/'] as Map
        if (known == null) {
            return new CurrentBuild(projectName: start.job, number: 1)
        }
        return run(start, known, asked.propagate != false)
    }

    private CurrentBuild run(Map start, Map known, boolean propagate) {
        def child = new Build(build.spec + known + [job: start.job - ~'^/', params: start.parameters], build.server)
        start.build = child.run()
        if (start.wait && propagate && child.current.currentResult != 'SUCCESS') {
            throw new StepFailed("${start.job} #${child.current.number} completed with status " +
                "${child.current.currentResult} (propagate: false to ignore)")
        }
        return child.current
    }

    void properties(List given) {
        given.each { part ->
            if (part instanceof Map && part.containsKey('declared')) {
                part.declared.each { build.declared(it.kind ?: 'string', it as Map) }
            }
        }
    }

    Map parameters(List declarations) {
        return [declared: declarations]
    }

    Map buildDiscarder(given) {
        return [:]
    }

    Map logRotator(Map given) {
        return given
    }

    Map disableConcurrentBuilds(Map given = [:]) {
        return [:]
    }

    def sh(given) {
        build.needsNode('sh')
        Map asked = given instanceof Map ? given : [script: given]
        File file = File.createTempFile('script', '.sh')
        try {
            String text = asked.script.toString()
            file.setText(text.startsWith('#!') ? text : "#!/bin/sh -xe\n${text}", 'UTF-8')
            file.executable = true
            return shell(asked, file)
        } finally {
            file.delete()
        }
    }

    private def shell(Map asked, File file) {
        def builder = new ProcessBuilder(file.path).directory(build.workspace)
        builder.environment().clear()
        builder.environment().putAll(build.env.effective() + [PWD: build.workspace.path])
        File out = File.createTempFile('out', '.txt')
        File err = File.createTempFile('err', '.txt')
        builder.redirectOutput(out).redirectInput(new File('/dev/null'))
        builder.redirectError(err).redirectErrorStream(!asked.returnStdout)
        try {
            int status = wait(builder.start())
            String said = out.getText('UTF-8')
            build.tell(asked.returnStdout ? err.getText('UTF-8') : said)
            return outcome(asked, status, said)
        } finally {
            out.delete()
            err.delete()
        }
    }

    private def outcome(Map asked, int status, String said) {
        if (asked.returnStatus) {
            return status
        }
        if (status != 0) {
            throw new StepFailed("script returned exit code ${status}")
        }
        return asked.returnStdout ? said : null
    }

    private int wait(Process process) {
        if (deadlines.empty) {
            return process.waitFor()
        }
        if (!process.waitFor(deadlines.min() - System.nanoTime(), TimeUnit.NANOSECONDS)) {
            process.descendants().each { it.destroy() }
            process.destroy()
            process.waitFor()
            // as the timeout step: what ran is interrupted once, and post sections have a minute of grace
            deadlines[deadlines.indexOf(deadlines.min())] = System.nanoTime() + TimeUnit.MINUTES.toNanos(1)
            throw new Interrupted('Timeout has been exceeded')
        }
        return process.exitValue()
    }
}
