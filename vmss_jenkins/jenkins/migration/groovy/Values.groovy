import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.syntax.Types

/** What an expression is worth, as far as the text shows. */
class Values {
    private final Names names
    private final List<String> lines
    private final boolean script
    /** What the variables of loops are in the round that is read, inner loops last; null if it is not known. */
    final List<Map<String, Expression>> rounds = []
    /** The variables that expressions without a known value depend on. */
    final Set<String> lost = []

    Values(Names names, String text, boolean script) {
        this.names = names
        this.script = script
        lines = text.readLines()
    }

    Map of(Expression given, Set<String> resolving = []) {
        switch (given) {
            case CastExpression: return of(given.expression, resolving)
            case ConstantExpression: return [kind: 'text', text: given.value == null ? '' : given.value.toString()]
            case MapExpression: return mapOf(given, resolving)
            case GStringExpression: return joined(partsOf(given), given, resolving)
            case BinaryExpression: return ofBinary(given, resolving)
            case PropertyExpression: return ofProperty(given.objectExpression, given.propertyAsString, given, resolving)
            case VariableExpression: return ofVariable(given, resolving)
            case MethodCallExpression:
                def object = given.methodAsString in ['toString', 'trim'] ? of(given.objectExpression, resolving) : null
                return object && object.kind in ['text', 'environment', 'parts'] ? object : unknown(given)
        }
        return unknown(given)
    }

    /** The names of all variables that an expression depends on, through other variables too. */
    Set<String> dependencies(Expression given, Set<String> seen = []) {
        given.visit(new CodeVisitorSupport() {
            void visitVariableExpression(VariableExpression variable) {
                if (seen.add(variable.name)) { sources(variable.name).each { dependencies(it, seen) } }
            }
        })
        return seen
    }

    /** The names that each parameter of a call depends on; under the key '*' those of parameters that are not written. */
    Map<String, Set<String>> uses(Expression argument, Set<String> resolving = []) {
        switch (argument) {
            case CastExpression: return uses(argument.expression, resolving)
            case MapExpression:
                return argument.mapEntryExpressions.inject([:]) { all, entry ->
                    boolean spread = entry.keyExpression instanceof SpreadMapExpression
                    all + (spread ? uses(entry.valueExpression, resolving) : [(entry.keyExpression.text): dependencies(entry.valueExpression)])
                }
            case BinaryExpression:
                if (of(argument).kind != 'map') { break }
                return uses(argument.leftExpression, resolving) + uses(argument.rightExpression, resolving)
            case VariableExpression:
                Expression only = resolving.contains(argument.name) ? null : valueOf(argument.name)
                if (only && of(only).kind == 'map') { return uses(only, resolving + argument.name) }
        }
        return ['*': dependencies(argument)]
    }

    /** The list, the map or the value that an expression stands for, as far as the text shows. */
    Expression literal(Expression given, Set<String> resolving = []) {
        switch (given) {
            case CastExpression: return literal(given.expression, resolving)
            case VariableExpression:
                Expression only = resolving.contains(given.name) ? null : valueOf(given.name)
                return only ? literal(only, resolving + given.name) : given
            case PropertyExpression:
                return entry(literal(given.objectExpression, resolving), given.propertyAsString, resolving) ?: given
            case BinaryExpression:
                if (given.operation.type != Types.LEFT_SQUARE_BRACKET) { return given }
                Map key = of(given.rightExpression, resolving)
                def found = key.kind == 'text' ? entry(literal(given.leftExpression, resolving), key.text, resolving) : null
                return found ?: given
        }
        return given
    }

    private Expression entry(Expression holder, String key, Set<String> resolving) {
        Expression found = null
        if (holder instanceof MapExpression) {
            boolean spreads = holder.mapEntryExpressions.any { it.keyExpression instanceof SpreadMapExpression }
            found = spreads ? null : holder.mapEntryExpressions.find { it.keyExpression.text == key }?.valueExpression
        } else if (holder instanceof ListExpression && key ==~ /\d{1,4}/ && !Loops.spreads(holder)) {
            found = holder.expressions[key as int]
        }
        return found ? literal(found, resolving) : null
    }

    private List<Expression> sources(String name) {
        return (names.definitions.containsKey(name) ? names.definitions[name].findAll { it != null } : []) +
            (names.changes.containsKey(name) ? names.changes[name] : [])
    }

    private Expression valueOf(String name) {
        def round = rounds.reverse().find { it.containsKey(name) }
        return round == null ? names.valueOf(name) : round[name]
    }

    private Map mapOf(MapExpression given, Set<String> resolving) {
        Map all = [kind: 'map', map: [:]]
        given.mapEntryExpressions.each { entry ->
            if (entry.keyExpression instanceof SpreadMapExpression) {
                all = merged(all, of(entry.valueExpression, resolving))
            } else {
                all.map[entry.keyExpression.text] = of(entry.valueExpression, resolving)
            }
        }
        return all
    }

    private Map merged(Map left, Map right) {
        if (right.kind != 'map') { return [*: left, rest: right.text] }
        return [kind: 'map', map: left.map + right.map] + (left.rest || right.rest ? [rest: right.rest ?: left.rest] : [:])
    }

    private Map ofBinary(BinaryExpression given, Set<String> resolving) {
        int type = given.operation.type
        def key = given.rightExpression
        if (type == Types.LEFT_SQUARE_BRACKET) {
            Map found = of(key, resolving)
            return found.kind == 'text' ? ofProperty(given.leftExpression, found.text, given, resolving) : unknown(given)
        }
        if (type != Types.PLUS && type != Types.LEFT_SHIFT) { return unknown(given) }
        Map left = of(given.leftExpression, resolving)
        Map right = of(given.rightExpression, resolving)
        if (left.kind == 'map') { return merged(left, right) }
        if (right.kind == 'map') { return [*: right, rest: left.text] }
        boolean text = [left, right].any { it.kind in ['text', 'parts'] }
        return type == Types.PLUS && text ? joined([given.leftExpression, given.rightExpression], given, resolving) : unknown(given)
    }

    private Map ofProperty(Expression object, String key, Expression given, Set<String> resolving) {
        if (object.text in ['env', 'params'] && key) { return [kind: 'environment', text: key] }
        if (object.text == 'this' && key) { return ofVariable(new VariableExpression(key), resolving) }
        Expression literal = literal(given, resolving)
        if (!literal.is(given)) { return of(literal, resolving) }
        Map found = object instanceof VariableExpression ? ofVariable(object, resolving) : [:]
        return found.kind == 'map' && found.map[key] ? found.map[key] : unknown(given)
    }

    private Map ofVariable(VariableExpression given, Set<String> resolving) {
        String name = given.name
        if (names.environment.contains(name)) { return [kind: 'environment', text: name] }
        Expression only = resolving.contains(name) ? null : valueOf(name)
        Map found = only ? of(only, resolving + name) : null
        if (found && found.kind != 'expression') { return found }
        // Jenkins looks for a name that a Pipeline does not define in the build's environment.
        boolean undefined = !names.definitions.containsKey(name) && !(name in ['it', 'this', 'super'])
        if (script && undefined) { return [kind: 'environment', text: name] }
        lost.addAll(dependencies(given))
        return [kind: 'expression', text: name]
    }

    private List<Expression> partsOf(GStringExpression given) {
        List all = []
        given.strings.eachWithIndex { piece, index ->
            all << piece
            if (index < given.values.size()) { all << given.values[index] }
        }
        return all
    }

    private Map joined(List<Expression> pieces, Expression given, Set<String> resolving) {
        List parts = []
        pieces.collectMany { piece -> def one = of(piece, resolving); one.kind == 'parts' ? one.parts : [one] }.each { part ->
            if (part.kind == 'text' && parts && parts[-1].kind == 'text') {
                parts[-1] = [kind: 'text', text: parts[-1].text + part.text]
            } else if (part.kind != 'text' || part.text) {
                parts << part
            }
        }
        if (parts.size() == 1) { return parts[0] }
        return parts ? [kind: 'parts', text: source(given), parts: parts] : [kind: 'text', text: '']
    }

    private Map unknown(Expression given) {
        lost.addAll(dependencies(given))
        return [kind: 'expression', text: source(given)]
    }

    /** The text of an expression as it was typed, in one line. */
    String source(Expression given) {
        int first = given.lineNumber - 1
        int last = given.lastLineNumber - 1
        if (first < 0 || first != last || given instanceof BinaryExpression) { return given.text.replaceAll(/\s+/, ' ') }
        String line = lines[first]
        String found = line.substring(given.columnNumber - 1, Math.min(given.lastColumnNumber - 1, line.length())).trim()
        return found.startsWith('{') && found.endsWith('}') ? found[1..-2].trim() : found
    }
}
