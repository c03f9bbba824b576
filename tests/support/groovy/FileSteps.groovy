import groovy.json.JsonSlurper
import java.util.regex.Pattern

/** The steps that read and write the workspace and what a build keeps. */
class FileSteps {
    final Set<String> NAMES = ['writeFile', 'readFile', 'readJSON', 'fileExists', 'dir', 'deleteDir', 'pwd',
                               'archiveArtifacts', 'copyArtifacts', 'specific', 'lastSuccessful', 'lastCompleted',
                               'junit', 'publishHTML'] as Set

    private final Build build

    FileSteps(Build build) {
        this.build = build
    }

    private File at(path) {
        return new File(build.workspace, path.toString())
    }

    void writeFile(Map given) {
        build.needsNode('writeFile')
        File file = at(given.file)
        file.parentFile.mkdirs()
        file.setText(given.text.toString(), 'UTF-8')
    }

    String readFile(given) {
        build.needsNode('readFile')
        File file = at(given instanceof Map ? given.file : given)
        if (!file.exists()) {
            throw new StepFailed("java.nio.file.NoSuchFileException: ${file}")
        }
        return file.getText('UTF-8')
    }

    def readJSON(Map given) {
        return new JsonSlurper().parseText(given.text != null ? given.text.toString() : readFile(given.file))
    }

    boolean fileExists(given) {
        build.needsNode('fileExists')
        return at(given instanceof Map ? given.file : given).exists()
    }

    String pwd(Map given = [:]) {
        build.needsNode('pwd')
        return build.workspace.path
    }

    def dir(path, Closure part) {
        build.needsNode('dir')
        File before = build.workspace
        build.workspace = at(path)
        build.workspace.mkdirs()
        try {
            return build.body(part)
        } finally {
            build.workspace = before
        }
    }

    void deleteDir() {
        build.needsNode('deleteDir')
        build.workspace.deleteDir()
        build.workspace.mkdirs()
    }

    void archiveArtifacts(given) {
        build.needsNode('archiveArtifacts')
        Map asked = given instanceof Map ? given : [artifacts: given]
        List<String> found = matching(build.workspace, asked.artifacts.toString())
        String nothing = "No artifacts found that match the file pattern \"${asked.artifacts}\". Configuration error?"
        if (found.empty && !asked.allowEmptyArchive) {
            throw new StepFailed(nothing)
        }
        if (found.empty) {
            build.tell(nothing)
        }
        found.each { copy(at(it), new File(build.archive, it)) }
        build.archived.addAll(found)
    }

    void copyArtifacts(Map asked) {
        build.needsNode('copyArtifacts')
        File archive = build.server.lastArchive(asked.projectName.toString(), asked.selector as String)
        List<String> found = archive?.exists() ? matching(archive, (asked.filter ?: '**').toString()) : []
        if (found.empty && !asked.optional) {
            throw new StepFailed("Failed to copy artifacts from ${asked.projectName} with filter: ${asked.filter}")
        }
        found.each {
            String name = asked.flatten ? new File(it).name : it
            copy(new File(archive, it), at("${asked.target ?: '.'}/${name}"))
        }
    }

    String specific(number) {
        return number instanceof Map ? number.buildNumber : number.toString()
    }

    String lastSuccessful(Map given = [:]) {
        return null
    }

    String lastCompleted() {
        return 'lastCompleted'
    }

    /** As the plugin does: a failed test makes the build unstable, no result at all fails it. */
    def junit(given) {
        build.needsNode('junit')
        Map asked = given instanceof Map ? given : [testResults: given]
        List<String> found = matching(build.workspace, asked.testResults.toString())
        String nothing = 'No test report files were found. Configuration error?'
        if (found.empty && !asked.allowEmptyResults) {
            throw new StepFailed(nothing)
        }
        if (found.empty) {
            build.tell(nothing)
        }
        found.each { path ->
            String text = at(path).getText('UTF-8')
            def suites = new XmlSlurper().parseText(text)
            int failed = suites.'**'.count { it.name() in ['failure', 'error'] }
            build.junit << [path: path, text: text, failed: failed]
            if (failed) {
                build.current.result = 'UNSTABLE'
            }
        }
    }

    void publishHTML(given) {
        build.needsNode('publishHTML')
        Map asked = given instanceof List ? given[0] : (given.target ?: given)
        File page = at("${asked.reportDir}/${asked.reportFiles}")
        if (!page.exists()) {
            build.tell("ERROR: Specified HTML directory '${page.parent}' does not exist.")
            if (!asked.allowMissing) {
                throw new StepFailed('htmlpublisher fails the build')
            }
        }
        build.reports << [name: asked.reportName?.toString(), exists: page.exists()]
    }

    private static void copy(File from, File to) {
        to.parentFile.mkdirs()
        to.bytes = from.bytes
    }

    /** The files that Ant's patterns, comma-separated, choose. */
    private static List<String> matching(File root, String patterns) {
        List<String> expressions = patterns.split(',').collect { expression(it.trim()) }
        List<String> found = []
        root.eachFileRecurse { file ->
            String path = root.toPath().relativize(file.toPath()).toString()
            if (file.file && expressions.any { path ==~ it }) {
                found << path
            }
        }
        return found.sort()
    }

    private static String expression(String pattern) {
        String whole = pattern.endsWith('/') ? pattern + '**' : pattern
        Map<String, String> signs = ['**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]']
        return (whole =~ /\*\*\/|\*\*|\*|\?|[^*?]+/).collect { signs[it] ?: Pattern.quote(it as String) }.join('')
    }
}
