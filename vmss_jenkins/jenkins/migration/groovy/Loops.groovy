import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.ForStatement
import org.codehaus.groovy.ast.stmt.Statement
import org.codehaus.groovy.syntax.Token
import org.codehaus.groovy.syntax.Types

/** The rounds of a loop over a list or a map that the text shows: in each, what the loop's variables are. */
class Loops {
    /** The most rounds, of all loops around a call together, that are read one by one. */
    static final int MOST_ROUNDS = 100
    private final Values values

    Loops(Values values) { this.values = values }

    /** The rounds of `collection.each { ... }` and its like; null if the text does not show them. */
    List<Map<String, Expression>> ofClosure(Expression collection, ClosureExpression closure, boolean indexed) {
        List<String> names = closure.parameters?.length ? closure.parameters*.name : ['it']
        return rounds(collection, names, indexed, closure.code)
    }

    /** The rounds of a `for`; null if the text does not show them. */
    List<Map<String, Expression>> ofFor(ForStatement loop) {
        if (loop.variable != ForStatement.FOR_LOOP_DUMMY) {
            return rounds(loop.collectionExpression, [loop.variable.name], false, loop.loopBlock)
        }
        def (start, condition, step) = loop.collectionExpression.expressions.collect { it }
        Expression list = counted(start, condition, step)
        List found = list == null ? null : elements(list)
        if (found == null) { return null }
        String counter = start.leftExpression.name
        return safe((0..<found.size()).collect { [(counter): new ConstantExpression(it)] }, [counter], loop.loopBlock)
    }

    /** The expression for an element of a list. */
    static Expression element(Expression list, int index) {
        return new BinaryExpression(list, Token.newSymbol(Types.LEFT_SQUARE_BRACKET, -1, -1), new ConstantExpression(index))
    }

    static boolean spreads(ListExpression list) { list.expressions.any { it instanceof SpreadExpression } }

    private List<Map<String, Expression>> rounds(Expression collection, List<String> names, boolean indexed, Statement body) {
        List found = elements(collection)
        boolean ofMap = values.literal(collection) instanceof MapExpression
        List all = found?.withIndex()?.collect { element, index ->
            List given = parts(element, names.size() - (indexed ? 1 : 0), ofMap) + (indexed ? [new ConstantExpression(index)] : [])
            given.size() < names.size() ? null : [names, given].transpose().collectEntries()
        }
        return all == null || all.any { it == null } ? null : safe(all, names, body)
    }

    /** The values of a closure's parameters: Groovy gives it the key and the value, or the elements of an inner list. */
    private List<Expression> parts(Expression element, int wanted, boolean ofMap) {
        if (wanted < 2) { return [element] }
        def inner = values.literal(element)
        if (ofMap) { return inner.mapEntryExpressions*.valueExpression }
        return inner instanceof ListExpression && !spreads(inner) ? inner.expressions : []
    }

    /** The elements of a list, or the entries of a map, each as a map of its key and value. */
    private List<Expression> elements(Expression collection) {
        if (collection instanceof MethodCallExpression && collection.methodAsString in ['keySet', 'values', 'entrySet']) {
            String wanted = [keySet: 'key', values: 'value'][collection.methodAsString]
            def map = values.literal(collection.objectExpression)
            List all = map instanceof MapExpression ? elements(map) : null
            return wanted ? all?.collect { entry -> entry.mapEntryExpressions.find { it.keyExpression.text == wanted }.valueExpression } : all
        }
        def found = values.literal(collection)
        if (found instanceof MethodCallExpression && !found.is(collection)) { return elements(found) }
        if (found instanceof ListExpression) { return spreads(found) ? null : found.expressions }
        if (!(found instanceof MapExpression) || found.mapEntryExpressions.any { it.keyExpression instanceof SpreadMapExpression }) {
            return null
        }
        return found.mapEntryExpressions.collect { entry ->
            new MapExpression([
                new MapEntryExpression(new ConstantExpression('key'), entry.keyExpression),
                new MapEntryExpression(new ConstantExpression('value'), entry.valueExpression),
            ])
        }
    }

    /** The list of `for (int i = 0; i < list.size(); i++)`. */
    private static Expression counted(start, condition, step) {
        boolean fromZero = start instanceof DeclarationExpression && start.leftExpression instanceof VariableExpression &&
            start.rightExpression instanceof ConstantExpression && start.rightExpression.value == 0
        boolean below = condition instanceof BinaryExpression && condition.operation.type == Types.COMPARE_LESS_THAN &&
            condition.rightExpression instanceof MethodCallExpression && condition.rightExpression.methodAsString == 'size'
        boolean up = (step instanceof PostfixExpression || step instanceof PrefixExpression) && step.operation.type == Types.PLUS_PLUS
        if (!fromZero || !below || !up) { return null }
        String counter = start.leftExpression.name
        return condition.leftExpression.text == counter && step.expression.text == counter ? condition.rightExpression.objectExpression : null
    }

    /**
     * The rounds, each with the variables that the body declares; null if the body gives the loop's variables another
     * value, or if there are too many rounds.
     */
    private List<Map<String, Expression>> safe(List<Map<String, Expression>> all, List<String> names, Statement body) {
        def inside = new Names()
        body.visit(inside)
        boolean changed = names.any { inside.definitions.containsKey(it) }
        def own = inside.declared.findAll { inside.valueOf(it) != null }.collectEntries { [it, inside.valueOf(it)] }
        return changed || all.empty || all.size() > MOST_ROUNDS ? null : all.collect { own + it }
    }
}
