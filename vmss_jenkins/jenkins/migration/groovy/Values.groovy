import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.syntax.Types

/** What an expression is worth, as far as the text shows. */
class Values {
    private final Names names
    private final List<String> lines
    private final boolean script

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
                if (seen.add(variable.name) && names.definitions.containsKey(variable.name)) {
                    names.definitions[variable.name].findAll { it != null }.each { dependencies(it, seen) }
                }
            }
        })
        return seen
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
        if (type == Types.LEFT_SQUARE_BRACKET && key instanceof ConstantExpression) {
            return ofProperty(given.leftExpression, key.text, given, resolving)
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
        Map found = object instanceof VariableExpression ? ofVariable(object, resolving) : [:]
        return found.kind == 'map' && found.map[key] ? found.map[key] : unknown(given)
    }

    private Map ofVariable(VariableExpression given, Set<String> resolving) {
        String name = given.name
        if (names.environment.contains(name)) { return [kind: 'environment', text: name] }
        Expression only = resolving.contains(name) ? null : names.valueOf(name)
        Map found = only ? of(only, resolving + name) : null
        if (found && found.kind != 'expression') { return found }
        // Jenkins looks for a name that a Pipeline does not define in the build's environment.
        boolean undefined = !names.definitions.containsKey(name) && !(name in ['it', 'this', 'super'])
        if (script && undefined) { return [kind: 'environment', text: name] }
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

    private Map unknown(Expression given) { [kind: 'expression', text: source(given)] }

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
