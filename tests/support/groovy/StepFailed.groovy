/** Thrown by a step that fails the build; nothing else of Java's exceptions is a build's ordinary failure. */
class StepFailed extends Exception {
    StepFailed(String message) {
        super(message)
    }
}
