/** The `environment` block: each assignment is a variable, seen by those after it. */
class Assignments {
    private final Map<String, String> values = [:]
    private final Build build

    Assignments(Build build) {
        this.build = build
    }

    static Map<String, String> read(Closure part, Build build) {
        def assignments = new Assignments(build)
        Closure bound = part.rehydrate(assignments, build.script, build.script)
        bound.resolveStrategy = Closure.DELEGATE_FIRST
        bound.call()
        return assignments.values
    }

    def propertyMissing(String name, value) {
        values[name] = value.toString()
    }

    def propertyMissing(String name) {
        def known = values[name] ?: build.env.effective()[name]
        if (known == null) {
            throw new MissingPropertyException(name, Assignments)
        }
        return known
    }

    String credentials(String id) {
        throw new StepFailed("credentials('${id}') in environment is not bound by this harness; use withCredentials")
    }
}
