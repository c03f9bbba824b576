// Reads Groovy texts by Groovy's own parser and prints the calls of the azure-vmss plugin's steps as JSON.
// Standard input: a JSON list of texts. The texts are parsed and converted, never compiled or run.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.*
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.ErrorCollector
import org.codehaus.groovy.control.SourceUnit

class Calls extends CodeVisitorSupport {
    static final List STEPS = ['azureVMSSUpdate', 'azureVMSSUpdateInstances']
    static final List LOOPS = ['each', 'eachWithIndex', 'times', 'upto', 'step', 'collect', 'reverseEach']
    static final List CATCHERS = ['catchError', 'warnError']
    final List found = []
    private final List<String> lines
    private int loops = 0
    private int catchers = 0

    Calls(String text) {
        lines = text.readLines()
    }

    void visitMethodCallExpression(MethodCallExpression call) {
        String name = call.methodAsString
        if (STEPS.contains(name) && call.implicitThis) {
            found << [step: name, line: call.lineNumber, in_loop: loops > 0, caught: catchers > 0, given: given(call)]
        }
        int looping = LOOPS.contains(name) && !call.implicitThis ? 1 : 0
        int catching = CATCHERS.contains(name) ? 1 : 0
        loops += looping
        catchers += catching
        super.visitMethodCallExpression(call)
        loops -= looping
        catchers -= catching
    }

    void visitForLoop(ForStatement loop) {
        loops++
        super.visitForLoop(loop)
        loops--
    }

    void visitWhileLoop(WhileStatement loop) {
        loops++
        super.visitWhileLoop(loop)
        loops--
    }

    void visitTryCatchFinally(TryCatchStatement attempt) {
        int catching = attempt.catchStatements ? 1 : 0
        catchers += catching
        attempt.tryStatement.visit(this)
        catchers -= catching
        attempt.catchStatements.each { it.visit(this) }
        attempt.finallyStatement.visit(this)
    }

    private Map given(MethodCallExpression call) {
        def expressions = call.arguments instanceof TupleExpression ? call.arguments.expressions : []
        def named = expressions.find { it instanceof MapExpression }
        return named ? entries(named) : [:]
    }

    private Map entries(MapExpression map) {
        return map.mapEntryExpressions.collectEntries { [it.keyExpression.text, value(it.valueExpression)] }
    }

    private Map value(Expression given) {
        if (given instanceof ConstantExpression) {
            return [kind: 'text', text: given.value == null ? '' : given.value.toString()]
        }
        if (given instanceof MapExpression) {
            return [kind: 'map', map: entries(given)]
        }
        if (given instanceof GStringExpression) {
            return [kind: 'parts', text: source(given), parts: parts(given)]
        }
        if (given instanceof PropertyExpression && given.objectExpression.text in ['env', 'params']) {
            return [kind: 'variable', text: given.propertyAsString]
        }
        return [kind: 'groovy', text: source(given)]
    }

    private List parts(GStringExpression given) {
        List all = []
        given.strings.eachWithIndex { piece, index ->
            all << value(piece)
            if (index < given.values.size()) {
                all << value(given.values[index])
            }
        }
        return all
    }

    private String source(Expression given) {
        int first = given.lineNumber - 1
        if (first < 0 || given.lastLineNumber - 1 != first || given instanceof BinaryExpression) {
            return given.text
        }
        String line = lines[first]
        return line.substring(given.columnNumber - 1, Math.min(given.lastColumnNumber - 1, line.length())).trim()
    }
}

Map read(String text) {
    def configuration = new CompilerConfiguration()
    def unit = new SourceUnit('Jenkinsfile', text, configuration, getClass().classLoader, new ErrorCollector(configuration))
    try {
        unit.parse()
        unit.completePhase()
        unit.nextPhase()
        unit.convert()
    } catch (org.codehaus.groovy.control.CompilationFailedException fault) {
        return [error: fault.message.readLines().find { it.contains('@ line') } ?: fault.message]
    }
    def calls = new Calls(text)
    unit.AST.statementBlock.visit(calls)
    unit.AST.methods.each { it.code?.visit(calls) }
    unit.AST.classes.each { type -> type.methods.each { it.code?.visit(calls) } }
    return [calls: calls.found.unique().sort { it.line }]
}

def texts = new JsonSlurper().parse(System.in.newReader('UTF-8')) as List
new PrintStream(System.out, true, 'UTF-8').println(JsonOutput.toJson(texts.collect { read(it as String) }))
