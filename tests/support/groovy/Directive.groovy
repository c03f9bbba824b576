/** One block of a declarative Pipeline that holds directives: each known one is noted, an unknown one is an error. */
class Directive {
    private final String block
    private final Set<String> known
    private final Map<String, List> noted = [:]

    Directive(String block, List<String> known) {
        this.block = block
        this.known = known as Set
    }

    /** Read a block: its names mean directives first, and the Jenkinsfile's own values then. */
    static Directive read(String block, List<String> known, Closure part, PipelineScript script) {
        def directive = new Directive(block, known)
        Closure bound = part.rehydrate(directive, script, script)
        bound.resolveStrategy = Closure.DELEGATE_FIRST
        bound.call()
        return directive
    }

    def methodMissing(String name, arguments) {
        if (!known.contains(name)) {
            throw new StepFailed("WorkflowScript: Unknown ${block} directive \"${name}\"; known: ${known.join(', ')}")
        }
        noted.get(name, []) << (arguments as List)
        return null
    }

    /** The bare words of directives, such as `agent none`. */
    def propertyMissing(String name) {
        if (name in ['none', 'any']) {
            return name
        }
        throw new MissingPropertyException(name, Directive)
    }

    boolean has(String name) {
        return noted.containsKey(name)
    }

    /** What the directive was given first: its one argument, or the first of several. */
    def first(String name) {
        return noted[name]?.first()?.first()
    }

    List<List> every(String name) {
        return noted[name] ?: []
    }

    List<List> everything() {
        return noted.collectMany { name, calls -> calls.collect { [name, it] } }
    }
}
