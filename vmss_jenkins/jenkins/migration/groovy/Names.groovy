import org.codehaus.groovy.ast.ClassCodeVisitorSupport
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.FieldNode
import org.codehaus.groovy.ast.MethodNode
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.*
import org.codehaus.groovy.control.SourceUnit
import org.codehaus.groovy.syntax.Types

/** The names that a text defines: Groovy's variables, and those that the build's environment gets. */
class Names extends ClassCodeVisitorSupport {
    static final List MUTATORS = [
        'put', 'putAll', 'putIfAbsent', 'remove', 'leftShift', 'add', 'addAll', 'push', 'pop', 'clear', 'set', 'putAt',
        'removeAll', 'retainAll', 'removeAt', 'removeElement', 'removeIf', 'sort', 'unique', 'swap',
    ]
    /** Each variable's values; null for a value that is known at run time only. */
    final Map<String, List<Expression>> definitions = [:].withDefault { [] }
    /** The variables that a declaration gives a value. */
    final Set<String> declared = []
    /** What each variable is changed with after it was defined. */
    final Map<String, List<Expression>> changes = [:].withDefault { [] }
    final Set<String> environment = []
    private int environments = 0

    protected SourceUnit getSourceUnit() { null }

    /** The only value that a variable ever has; null if there are several, or none is written. */
    Expression valueOf(String name) {
        return definitions.containsKey(name) && definitions[name].size() == 1 ? definitions[name][0] : null
    }

    void visitDeclarationExpression(DeclarationExpression given) {
        if (given.leftExpression instanceof VariableExpression) {
            boolean empty = given.rightExpression instanceof EmptyExpression
            definitions[given.leftExpression.name] << (empty ? null : given.rightExpression)
            declared << given.leftExpression.name
        } else {
            given.leftExpression.expressions.eachWithIndex { name, index ->
                definitions[name.text] << Loops.element(given.rightExpression, index)
                declared << name.text
            }
        }
        given.rightExpression.visit(this)
    }

    void visitBinaryExpression(BinaryExpression given) {
        int type = given.operation.type
        if (environments && type == Types.ASSIGN) {
            environment << given.leftExpression.text
        } else if (type == Types.ASSIGN && given.leftExpression instanceof VariableExpression) {
            definitions[given.leftExpression.name] << given.rightExpression
        } else if (Types.ofType(type, Types.ASSIGNMENT_OPERATOR) || type == Types.LEFT_SHIFT) {
            changed(given.leftExpression, given.rightExpression)
        }
        super.visitBinaryExpression(given)
    }

    void visitPostfixExpression(PostfixExpression given) { changed(given.expression) }
    void visitPrefixExpression(PrefixExpression given) { changed(given.expression) }

    void visitMethodCallExpression(MethodCallExpression call) {
        String name = call.methodAsString
        if (MUTATORS.contains(name)) {
            changed(call.objectExpression, call.arguments)
        }
        if (name == 'axis' || name == 'parameters') {
            call.arguments.visit(new CodeVisitorSupport() {
                void visitMethodCallExpression(MethodCallExpression inner) {
                    def first = inner.arguments instanceof TupleExpression ? inner.arguments.expressions[0] : null
                    def named = first instanceof MapExpression ?
                        first.mapEntryExpressions.find { it.keyExpression.text == 'name' }?.valueExpression : null
                    def found = inner.methodAsString == 'name' ? first : named
                    if (found instanceof ConstantExpression) { environment << found.text }
                    super.visitMethodCallExpression(inner)
                }
            })
        }
        if (name == 'withEnv') {
            call.arguments.visit(new CodeVisitorSupport() {
                void visitConstantExpression(ConstantExpression text) { addName(text.value, text) }
                void visitGStringExpression(GStringExpression text) { addName(text.strings[0].value, text) }
                void visitClosureExpression(ClosureExpression ignored) {}
            })
        }
        environments += name == 'environment' ? 1 : 0
        super.visitMethodCallExpression(call)
        environments -= name == 'environment' ? 1 : 0
    }

    void visitMapEntryExpression(MapEntryExpression entry) {
        // withCredentials([string(credentialsId: 'c', variable: 'TOKEN')])
        if (entry.keyExpression.text ==~ /variable|\w+Variable/ && entry.valueExpression instanceof ConstantExpression) {
            environment << entry.valueExpression.text
        }
        super.visitMapEntryExpression(entry)
    }

    void visitClosureExpression(ClosureExpression closure) {
        closure.parameters.each { definitions[it.name] << null }
        super.visitClosureExpression(closure)
    }

    void visitForLoop(ForStatement loop) {
        if (loop.variable != ForStatement.FOR_LOOP_DUMMY) { definitions[loop.variable.name] << null }
        super.visitForLoop(loop)
    }

    void visitCatchStatement(CatchStatement caught) {
        definitions[caught.variable.name] << null
        super.visitCatchStatement(caught)
    }

    void visitConstructorOrMethod(MethodNode method, boolean isConstructor) {
        method.parameters.each { definitions[it.name] << null }
        super.visitConstructorOrMethod(method, isConstructor)
    }

    void visitField(FieldNode field) {
        definitions[field.name] << field.initialExpression
        super.visitField(field)
    }

    private void addName(value, Expression text) {
        def found = "$value" =~ /^(\w+)=/
        if (found) {
            environment << found.group(1)
            changes[found.group(1)] << text
        }
    }

    private void changed(Expression given, Expression by = null) {
        def root = given
        while (root instanceof PropertyExpression || root instanceof BinaryExpression) {
            root = root instanceof PropertyExpression ? root.objectExpression : root.leftExpression
        }
        if (root instanceof VariableExpression) {
            definitions[root.name] << null
            if (by != null) { changes[root.name] << by }
        }
    }
}
