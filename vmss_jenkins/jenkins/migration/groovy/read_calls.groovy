// Reads Groovy texts with Groovy's own parser and prints the calls of the azure-vmss plugin's steps as JSON.
// Standard input: a JSON list of texts. The texts are parsed, never compiled or run.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.ErrorCollector
import org.codehaus.groovy.control.SourceUnit

Map read(String text) {
    def configuration = new CompilerConfiguration()
    def unit = new SourceUnit('Jenkinsfile', text, configuration, getClass().classLoader, new ErrorCollector(configuration))
    try {
        unit.parse()
        unit.completePhase()
        unit.nextPhase()
        unit.convert()
    } catch (CompilationFailedException fault) {
        return [error: fault.message.readLines().find { it.contains('@ line') } ?: fault.message]
    }
    def module = unit.AST
    boolean script = module.classes.every { it.script }
    def names = new Names()
    def calls = new Calls(names, new Values(names, text, script))
    [names, calls].each { visitor ->
        module.statementBlock.visit(visitor)
        module.methods.each { visitor.visitMethod(it) }
        module.classes.findAll { !it.script }.each { visitor.visitClass(it) }
    }
    def tokens = new Tokens(text)
    // The calls of loops stay in the order of their rounds.
    def found = calls.found.unique().sort { it.first }.collect { it.findAll { key, value -> key != 'first' } }
    return [calls: found, unread: tokens.unread(calls.covered), clouds: tokens.clouds()]
}

def texts = new JsonSlurper().parse(System.in.newReader('UTF-8')) as List
new PrintStream(System.out, true, 'UTF-8').println(JsonOutput.toJson(texts.collect { read(it as String) }))
