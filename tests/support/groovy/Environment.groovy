/** The `env` of a build: case-insensitive, read and written by property alone, as the sandbox allows. */
class Environment {
    private final Map<String, String> own = new TreeMap<>(String.CASE_INSENSITIVE_ORDER)
    private final List<Map<String, String>> layers = []

    Map<String, String> effective() {
        Map<String, String> all = new TreeMap<>(String.CASE_INSENSITIVE_ORDER)
        all.putAll(own)
        layers.each { layer -> layer.each { name, value -> value == '' ? all.remove(name) : all.put(name, value) } }
        return all
    }

    void put(String name, String value) {
        own.put(name, value)
    }

    def within(Map<String, String> layer, Closure body) {
        layers << layer
        try {
            return body()
        } finally {
            layers.remove(layers.size() - 1)
        }
    }

    def propertyMissing(String name) {
        return effective().get(name)
    }

    def propertyMissing(String name, value) {
        own.put(name, value.toString())
    }

    def getAt(String name) {
        throw new StepFailed("Scripts not permitted to use env['${name}'] in the sandbox")
    }
}
