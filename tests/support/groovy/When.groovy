/** The conditions of a `when`. */
class When {
    static final List<String> CONDITIONS = ['expression', 'environment', 'equals', 'not', 'allOf', 'anyOf']
    static final List<String> KNOWN = CONDITIONS + ['beforeInput', 'beforeAgent', 'beforeOptions']

    static boolean holds(Directive when, Build build) {
        return each(when, build).every()
    }

    private static List<Boolean> each(Directive conditions, Build build) {
        return conditions.everything().findAll { CONDITIONS.contains(it[0]) }.collect { name, given ->
            single(name as String, given[0], build)
        }
    }

    private static boolean single(String name, given, Build build) {
        switch (name) {
            case 'expression': return build.body(given as Closure) as boolean
            case 'environment': return build.env.effective()[given.name] == given.value
            case 'equals': return given.expected == given.actual
            case 'not': return !each(inner(given, build), build).every()
            case 'allOf': return each(inner(given, build), build).every()
            case 'anyOf': return each(inner(given, build), build).any()
            default: throw new StepFailed("no condition ${name}")
        }
    }

    private static Directive inner(given, Build build) {
        return Directive.read('when', CONDITIONS, given as Closure, build.script)
    }
}
