/** What a Jenkinsfile and a library's global variable are compiled to: an unknown name is a step, or an error. */
abstract class PipelineScript extends Script {
    def methodMissing(String name, arguments) {
        List given = arguments as List
        def build = binding.getVariable('harness.build')
        if (build.globals.containsKey(name)) {
            return build.globals[name].invokeMethod('call', arguments)
        }
        return build.step(name, given)
    }

    def propertyMissing(String name) {
        def build = binding.getVariable('harness.build')
        if (build.globals.containsKey(name)) {
            return build.globals[name]
        }
        throw new StepFailed("groovy.lang.MissingPropertyException: No such property: ${name}")
    }
}
