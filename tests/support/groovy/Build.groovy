import org.codehaus.groovy.control.CompilerConfiguration

/** One build of one job: its state, and the way from a step's name to what it does. */
class Build {
    final Map spec
    final Server server
    final Environment env = new Environment()
    final CurrentBuild current = new CurrentBuild()
    final Map params = [:]
    final Map<String, Object> globals = [:]
    final List<String> log = []
    final List<Map> started = []
    final List<Map> inputs = []
    final List<Map> junit = []
    final List<String> archived = []
    final List<String> stages = []
    final List<Map> reports = []
    final List<String> secrets = []
    int nodes = 0
    File workspace
    File archive
    PipelineScript script
    private final List providers

    Build(Map spec, Server server) {
        this.spec = spec
        this.server = server
        this.providers = [new Steps(this), new FileSteps(this), new Declarative(this)]
    }

    String getJob() {
        return spec.job
    }

    Map run() {
        prepare()
        try {
            compile(spec.jenkinsfile as String, 'Jenkinsfile').run()
        } catch (Throwable failure) {
            record(failure)
        }
        log << "Finished: ${current.currentResult}".toString()
        server.keep(job, current.number, current.currentResult)
        return answer()
    }

    /** Note what ended a build or a part of it. */
    void record(Throwable failure) {
        boolean interrupted = failure instanceof Interrupted
        current.result = interrupted ? 'ABORTED' : 'FAILURE'
        boolean ordinary = interrupted || failure instanceof StepFailed
        tell(ordinary ? "ERROR: ${failure.message}" : "ERROR: ${failure}")
        if (!ordinary) {
            tell(failure.stackTrace.findAll { it.fileName ==~ /Jenkinsfile.*|.*\.groovy/ }.take(12).join('\n'))
        }
    }

    def step(String name, List arguments) {
        def provider = providers.find { it.NAMES.contains(name) }
        if (provider == null || server.missingSteps.contains(name)) {
            throw new NoSuchMethodError("No such DSL method '${name}' found among steps")
        }
        return provider.invokeMethod(name, arguments as Object[])
    }

    /** Log text, with the secrets that are bound now masked. */
    void tell(text) {
        String line = text.toString()
        secrets.findAll().sort { -it.length() }.each { line = line.replace(it, '****') }
        log << line
    }

    void needsNode(String step) {
        if (nodes == 0) {
            throw new StepFailed("${step}: Required context class hudson.FilePath is missing. " +
                'Perhaps you forgot to surround the step with a step that provides this, such as: node')
        }
    }

    /** Run a part of a Jenkinsfile where its names mean steps, not what surrounds it. */
    def body(Closure part) {
        def own = part.thisObject
        if (!(own instanceof PipelineScript)) {
            return part.call()
        }
        Closure bound = part.rehydrate(own, own, own)
        bound.resolveStrategy = Closure.OWNER_FIRST
        return bound.call()
    }

    private void prepare() {
        current.number = server.nextNumber(job)
        current.projectName = job
        current.absoluteUrl = "http://jenkins.example/job/${job}/${current.number}/"
        workspace = new File(server.home, "workspace/${job}")
        archive = new File(server.home, "builds/${job}/${current.number}/archive")
        workspace.mkdirs()
        archive.mkdirs()
        (spec.env as Map).each { name, value -> env.put(name as String, value as String) }
        [BUILD_NUMBER: current.number, JOB_NAME: job, JOB_BASE_NAME: job, BUILD_URL: current.absoluteUrl,
         JOB_URL: "http://jenkins.example/job/${job}/",
         BUILD_TAG: "jenkins-${job}-${current.number}", JENKINS_URL: 'http://jenkins.example/',
         BUILD_ID: current.number].each { name, value -> env.put(name as String, value.toString()) }
        (spec.params as Map).each { name, value -> give(name as String, value) }
        (spec.libraries as List).each { load(new File(it as String, 'vars')) }
    }

    /** A parameter is in `params` and in the environment. */
    void give(String name, value) {
        params[name] = value
        env.put(name, value.toString())
    }

    /** A declared parameter that the test gave no value has its default; a choice must be among its choices. */
    void declared(String kind, Map declaration) {
        String name = declaration.name
        List choices = kind == 'choice' ? choices(declaration.choices) : []
        if (!params.containsKey(name)) {
            def missing = kind == 'booleanParam' ? false : ''
            give(name, kind == 'choice' ? choices[0] : declaration.getOrDefault('defaultValue', missing))
        }
        if (kind == 'choice' && !choices.contains(params[name])) {
            throw new StepFailed("${params[name]} is no choice of ${name}: ${choices}")
        }
        if (declaration.trim) {
            give(name, params[name].toString().trim())
        }
    }

    private static List choices(given) {
        return given instanceof List ? given : given.toString().readLines()
    }

    private void load(File vars) {
        vars.listFiles().findAll { it.name.endsWith('.groovy') }.sort().each { file ->
            globals[file.name - '.groovy'] = compile(file.text, file.name)
        }
    }

    private PipelineScript compile(String text, String name) {
        def configuration = new CompilerConfiguration()
        configuration.scriptBaseClass = PipelineScript.name
        def variables = [env: env, params: params, currentBuild: current, 'harness.build': this]
        def shell = new GroovyShell(getClass().classLoader, new Binding(variables), configuration)
        def compiled = shell.parse(text, name.replaceAll(/\W/, '_') + '.groovy') as PipelineScript
        if (name == 'Jenkinsfile') {
            script = compiled
        }
        return compiled
    }

    private Map answer() {
        return [result: current.currentResult, log: log.join('\n') + '\n', description: current.description,
                display_name: current.displayName, number: current.number, archived: archived.unique(),
                archive: archive.path, started: started, inputs: inputs, junit: junit, stages: stages,
                reports: reports]
    }
}
