/** The `currentBuild` of a Jenkinsfile. */
class CurrentBuild {
    static final List<String> RESULTS = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']

    String description
    String displayName
    int number
    String projectName
    String absoluteUrl
    private String worst

    String getResult() {
        return worst
    }

    /** As on a server, a result only gets worse. */
    void setResult(String result) {
        if (!RESULTS.contains(result)) {
            throw new StepFailed("No such build result: ${result}")
        }
        if (worst == null || RESULTS.indexOf(result) > RESULTS.indexOf(worst)) {
            worst = result
        }
    }

    String getCurrentResult() {
        return worst ?: 'SUCCESS'
    }

    String getFullProjectName() {
        return projectName
    }

    String getDurationString() {
        return '1 sec'
    }

    boolean resultIsBetterOrEqualTo(String other) {
        return RESULTS.indexOf(currentResult) <= RESULTS.indexOf(other)
    }

    boolean resultIsWorseOrEqualTo(String other) {
        return RESULTS.indexOf(currentResult) >= RESULTS.indexOf(other)
    }
}
