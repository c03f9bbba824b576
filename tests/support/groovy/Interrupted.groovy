/** Thrown where a person or a time limit ends the build. */
class Interrupted extends Exception {
    Interrupted(String message) {
        super(message)
    }
}
