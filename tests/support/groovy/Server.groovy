import groovy.json.JsonOutput
import groovy.json.JsonSlurper

/** What outlives a build: job folders, credentials, the jobs that a build may start. */
class Server {
    final File home
    final Map credentials
    final Map jobs
    final Map answers
    final List missingSteps

    Server(Map request) {
        home = new File(request.home as String)
        credentials = request.credentials as Map
        jobs = request.jobs as Map
        answers = request.answers as Map
        missingSteps = request.missing_steps as List
    }

    int nextNumber(String job) {
        File builds = new File(home, "builds/${job}")
        builds.mkdirs()
        return builds.list().length + 1
    }

    /** The archive of a build: of this number, of the last one, or by default of the last that did not fail. */
    File lastArchive(String job, String which) {
        File builds = new File(home, "builds/${job}")
        List<String> numbers = (builds.list() ?: []).sort { -(it as int) }
        if (which ==~ /\d+/) {
            numbers = numbers.findAll { it == which }
        } else if (which != 'lastCompleted') {
            numbers = numbers.findAll { result(builds, it) in ['SUCCESS', 'UNSTABLE'] }
        }
        return numbers ? new File(builds, "${numbers[0]}/archive") : null
    }

    void keep(String job, int number, String result) {
        new File(home, "builds/${job}/${number}/result").text = result
    }

    private static String result(File builds, String number) {
        File kept = new File(builds, "${number}/result")
        return kept.exists() ? kept.text : null
    }

    /** Read requests, one JSON object a line, and answer each with one line until there are no more. */
    static void main(String[] arguments) {
        def answers = System.out
        System.out = System.err
        System.in.withReader('UTF-8') { lines ->
            String line
            while ((line = lines.readLine()) != null) {
                def request = new JsonSlurper().parseText(line) as Map
                def answer = new Build(request.build as Map, new Server(request)).run()
                answers.write((JsonOutput.toJson(answer) + '\n').getBytes('UTF-8'))
                answers.flush()
            }
        }
    }
}
