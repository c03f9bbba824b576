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
    private final Names names
    private final Values values
    private final Loops loops
    /** The variables of the loops around, inner ones last, and how many rounds are read one by one; 0 if they are unknown. */
    private final List<Map> around = []
    private int catchers = 0
    private int firstLine = 0

    Calls(Names names, Values values) {
        this.names = names
        this.values = values
        loops = new Loops(values)
    }

    protected SourceUnit getSourceUnit() { null }

    void visitMethodCallExpression(MethodCallExpression call) {
        String name = call.methodAsString
        if (MESSAGES.contains(name) && call.arguments instanceof TupleExpression) {
            covered.addAll(call.arguments.expressions.findAll { !(it instanceof ClosureExpression) })
        }
        step(call, name)
        def closure = call.arguments instanceof TupleExpression && call.arguments.expressions ? call.arguments.expressions[-1] : null
        int catching = CATCHERS.contains(name) ? 1 : 0
        catchers += catching
        if (LOOPS.contains(name) && !call.implicitThis && closure instanceof ClosureExpression) {
            call.objectExpression.visit(this)
            call.arguments.expressions[0..<-1].each { it.visit(this) }
            def bound = closure.parameters?.length ? closure.parameters*.name : ['it']
            def rounds = loops.ofClosure(call.objectExpression, closure, name == 'eachWithIndex')
            inLoop(call.lineNumber, bound, rounds) { closure.code.visit(this) }
        } else {
            super.visitMethodCallExpression(call)
        }
        catchers -= catching
    }

    void visitClosureExpression(ClosureExpression closure) {
        // A block has an `it` of its own, which is not that of the loop around it.
        boolean hides = closure.parameters != null && closure.parameters.length == 0 && around.any { 'it' in it.names }
        inLoop(closure.lineNumber, hides ? ['it'] : [], null) { closure.code.visit(this) }
    }

    void visitForLoop(ForStatement loop) {
        boolean each = loop.variable != ForStatement.FOR_LOOP_DUMMY
        def bound = each ? [loop.variable.name] : assigned(loop.collectionExpression)
        loop.collectionExpression.visit(this)
        inLoop(loop.lineNumber, bound, loops.ofFor(loop)) { loop.loopBlock.visit(this) }
    }

    void visitWhileLoop(WhileStatement loop) {
        inLoop(loop.lineNumber, assigned(loop), null) { super.visitWhileLoop(loop) }
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
        values.lost.clear()
        Map given = values.of(expressions[0])
        Set lost = values.lost.clone()
        if (given.kind == 'expression' && own) { given = [map: [:], rest: given.text] }
        def builder = "${given.map?.get('$class')?.text}" - 'com.microsoft.jenkins.vmss.'
        String step = own ? name : BUILDERS[builder]
        if (!step || given.map == null) { return }
        covered << call
        Map uses = values.uses(expressions[0])
        found << [step: step, line: call.lineNumber, caught: catchers > 0, given: given.map.findAll { it.key != '$class' },
                  rest: given.rest ?: '', varies: varying(uses, lost), listed: listed(uses) - varying(uses, lost), first: firstLine ?: call.lineNumber]
    }

    /** The parameters that have another value in each round of a loop, which the text does not show. */
    private List varying(Map<String, Set<String>> uses, Set<String> lost) {
        Map known = boundNames()
        return uses.findAll { key, used ->
            used.any { known[it] == false || known[it] && it in lost || it in names.environment && inRounds(it, known) }
        }.keySet().toList()
    }

    private boolean inRounds(String name, Map known) { values.dependencies(new VariableExpression(name)).any { known.containsKey(it) } }

    /** The parameters that have another value in each round of a loop, as far as the text shows the rounds. */
    private List listed(Map<String, Set<String>> uses) {
        Map known = boundNames()
        return uses.findAll { key, used -> used.any { known[it] } }.keySet().toList()
    }

    /** The variables of the loops around, and whether the text shows their values. */
    private Map<String, Boolean> boundNames() { around.collectEntries { loop -> loop.names.collectEntries { [it, loop.rounds > 0] } } }

    private void inLoop(int line, Collection<String> bound, List<Map<String, Expression>> rounds, Closure visit) {
        def all = around.inject(rounds ? rounds.size() : 0) { product, loop -> product * (loop.rounds ?: 1) } > Loops.MOST_ROUNDS ? null : rounds
        int before = firstLine
        firstLine = firstLine ?: (all ? line : 0)
        around << [names: bound as Set, rounds: all ? all.size() : 0]
        (all ?: [bound.contains('it') ? [it: null] : [:]]).each { round ->
            values.rounds << round
            visit.call()
            values.rounds.pop()
        }
        around.pop()
        firstLine = before
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
