import org.codehaus.groovy.ast.ClassCodeVisitorSupport
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.*
import org.codehaus.groovy.control.SourceUnit

/** The calls of the steps, with what surrounds each: loops, and blocks that catch its failure. */
class Calls extends ClassCodeVisitorSupport {
    static final Map BUILDERS = [UpdateBuilder: 'azureVMSSUpdate', UpdateInstancesBuilder: 'azureVMSSUpdateInstances']
    static final List LOOPS = [
        'each', 'eachWithIndex', 'times', 'upto', 'downto', 'step', 'collect', 'collectEntries', 'reverseEach', 'every', 'any',
    ]
    static final List CATCHERS = ['catchError', 'warnError']
    static final List MESSAGES = ['echo', 'println', 'print', 'error', 'stage', 'unstable']
    static final List BLOCKS = ['script', 'stage', 'node', 'dir', 'withEnv', 'timestamps', 'ansiColor']
    final List found = []
    /** Parts of the text that were understood, or are messages. */
    final List<Expression> covered = []
    private final Values values
    private final List<Set<String>> loops = []
    private int catchers = 0

    Calls(Values values) { this.values = values }

    protected SourceUnit getSourceUnit() { null }

    void visitMethodCallExpression(MethodCallExpression call) {
        String name = call.methodAsString
        if (MESSAGES.contains(name) && call.arguments instanceof TupleExpression) {
            covered.addAll(call.arguments.expressions.findAll { !(it instanceof ClosureExpression) })
        }
        step(call, name)
        def closure = call.arguments instanceof TupleExpression && call.arguments.expressions ? call.arguments.expressions[-1] : null
        boolean looping = LOOPS.contains(name) && !call.implicitThis && closure instanceof ClosureExpression
        int catching = CATCHERS.contains(name) ? 1 : 0
        if (looping) { loops << ((closure.parameters*.name ?: ['it']) as Set) }
        catchers += catching
        super.visitMethodCallExpression(call)
        catchers -= catching
        if (looping) { loops.pop() }
    }

    void visitForLoop(ForStatement loop) {
        boolean each = loop.variable != ForStatement.FOR_LOOP_DUMMY
        inLoop(each ? [loop.variable.name] : assigned(loop.collectionExpression)) { super.visitForLoop(loop) }
    }

    void visitWhileLoop(WhileStatement loop) {
        inLoop(assigned(loop)) { super.visitWhileLoop(loop) }
    }

    void visitTryCatchFinally(TryCatchStatement attempt) {
        int catching = attempt.catchStatements.any { !rethrows(it.code) } ? 1 : 0
        catchers += catching
        attempt.tryStatement.visit(this)
        catchers -= catching
        attempt.catchStatements.each { it.visit(this) }
        attempt.finallyStatement.visit(this)
    }

    private void step(MethodCallExpression call, String name) {
        def expressions = call.arguments instanceof TupleExpression ? call.arguments.expressions : []
        expressions = expressions.findAll { !(it instanceof ClosureExpression) }
        if (expressions.size() != 1) { return }
        boolean own = BUILDERS.containsValue(name)
        if (!own && !(name == 'step' && expressions[0].text.contains('class'))) { return }
        Map given = values.of(expressions[0])
        if (given.kind == 'expression' && own) { given = [map: [:], rest: given.text] }
        def builder = "${given.map?.get('$class')?.text}" - 'com.microsoft.jenkins.vmss.'
        String step = own ? name : BUILDERS[builder]
        if (!step || given.map == null) { return }
        covered << call
        found << [step: step, line: call.lineNumber, caught: catchers > 0, given: given.map.findAll { it.key != '$class' },
                  rest: given.rest ?: '', varies: varying(expressions[0], given.map.keySet())]
    }

    /** The parameters whose values depend on a loop. */
    private List varying(Expression argument, Set<String> keys) {
        Set bound = loops.flatten() as Set
        List varies = []
        argument.visit(new CodeVisitorSupport() {
            void visitMapEntryExpression(MapEntryExpression entry) {
                if (keys.contains(entry.keyExpression.text) && values.dependencies(entry.valueExpression).any { it in bound }) {
                    varies << entry.keyExpression.text
                }
            }
        })
        return varies
    }

    private void inLoop(Collection<String> bound, Closure visit) {
        loops << (bound as Set)
        visit()
        loops.pop()
    }

    private static Set<String> assigned(node) {
        def names = new Names()
        node.visit(names)
        return names.definitions.keySet()
    }

    /** Whether every way through a statement ends in an error. */
    private boolean rethrows(Statement code) {
        switch (code) {
            case BlockStatement: return code.statements.any { rethrows(it) }
            case ThrowStatement: return true
            case IfStatement: return rethrows(code.ifBlock) && rethrows(code.elseBlock)
            case ExpressionStatement:
                def call = code.expression
                if (!(call instanceof MethodCallExpression)) { return false }
                def last = call.arguments instanceof TupleExpression && call.arguments.expressions ? call.arguments.expressions[-1] : null
                boolean block = BLOCKS.contains(call.methodAsString) && last instanceof ClosureExpression
                return call.methodAsString == 'error' || block && rethrows(last.code)
        }
        return false
    }
}
