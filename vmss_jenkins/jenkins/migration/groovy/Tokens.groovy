import org.codehaus.groovy.antlr.parser.GroovyLexer
import org.codehaus.groovy.antlr.parser.GroovyTokenTypes
import org.codehaus.groovy.ast.expr.Expression

/** Looks through the tokens of a text, in which comments are not. */
class Tokens {
    static final String STEP = /azureVMSSUpdateInstances|azureVMSSUpdate/
    static final String CLASS = /(?:com\.microsoft\.jenkins\.vmss\.)?(?:UpdateInstancesBuilder|UpdateBuilder)/
    static final String CLOUD = /AzureUSGovernment|AzureChinaCloud|AzureGermanCloud|usgovcloudapi\.net|chinacloudapi\.cn/
    final List tokens = []

    Tokens(String text) {
        def stream = new GroovyLexer(new StringReader(text)).plumb()
        for (def token = stream.nextToken(); token.type != GroovyTokenTypes.EOF; token = stream.nextToken()) { tokens << token }
    }

    /** Where the name of a step or of its class is, apart from what was understood. */
    List unread(List<Expression> covered) {
        return find { token ->
            String call = token.type == GroovyTokenTypes.IDENT ? "^(?:$STEP|$CLASS)\$" :
                "^(?:$STEP|$CLASS)\$|\\b(?:$STEP)\\b(?=\\s*\\(|\\s+\\w+\\s*:)"
            return call
        }.findAll { mention -> !covered.any { holds(it, mention) } }.collect { [line: it.line, name: it.name] }
    }

    List clouds() {
        return find { CLOUD }.collect { [line: it.line, name: it.name] }.unique { it.name }
    }

    private List find(Closure<String> pattern) {
        return tokens.findAll { it.text }.collectMany { token ->
            def matcher = token.text =~ pattern(token)
            List all = []
            while (matcher.find()) {
                int line = token.line + token.text.substring(0, matcher.start()).count('\n')
                all << [line: line, column: token.column, name: matcher.group()]
            }
            return all
        }
    }

    private static boolean holds(Expression given, Map at) {
        def place = [at.line, at.column]
        boolean after = at.line > given.lineNumber || at.line == given.lineNumber && at.column >= given.columnNumber
        boolean before = at.line < given.lastLineNumber || at.line == given.lastLineNumber && at.column <= given.lastColumnNumber
        return after && before
    }
}
