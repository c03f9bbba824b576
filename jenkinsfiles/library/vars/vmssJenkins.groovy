// Code that azureVMSSUpdate and azureVMSSUpdateInstances share. Values reach the shell as environment variables only.

void checkNames(String step, Map args, List wanted) {
    checkKeys(step, args, wanted)
    for (name in wanted) {
        if (args[name] == null || !"${args[name]}".toString().trim()) {
            error("${step}: ${name} is missing or empty; it needs ${wanted.join(', ')}")
        }
    }
}

void checkKeys(where, Map args, List known) {
    for (key in args.keySet()) {
        if (!known.contains(key) && key != '$class') {
            error("${where}: unknown parameter ${key}; known: ${known.join(', ')}")
        }
    }
}

// No job has variables with these names. Jenkins ignores case in names: if a job has vmss_name, then a VMSS_NAME that a
// step sets reaches the shell as vmss_name.
List target(String step, Map args) {
    return [
        "VMSS_JENKINS_STEP_RESOURCE_GROUP=${args.resourceGroup}".toString(),
        "VMSS_JENKINS_STEP_NAME=${args.name}".toString(),
    ]
}

void perform(credentialsId, List values, String command, String option) {
    withCredentials([credentialsBinding("${credentialsId}".toString())]) {
        withEnv(values) {
            sh(label: "vmss-jenkins ${command}".toString(), script: shellScript(command, option))
        }
    }
}

// The kind of credentials is an environment variable of the job, its folder or the server, so that Jenkinsfiles stay as
// they are: azure-service-principal by default, username-password or oidc-token-file.
def credentialsBinding(String id) {
    def kind = env.VMSS_JENKINS_CREDENTIALS ?: 'azure-service-principal'
    if (kind == 'username-password') {
        checkVariables(kind, ['AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID'])
        return usernamePassword(credentialsId: id, usernameVariable: 'AZURE_CLIENT_ID', passwordVariable: 'AZURE_CLIENT_SECRET')
    }
    if (kind == 'oidc-token-file') {
        checkVariables(kind, ['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_SUBSCRIPTION_ID'])
        return file(credentialsId: id, variable: 'AZURE_FEDERATED_TOKEN_FILE')
    }
    if (kind != 'azure-service-principal') {
        error("VMSS_JENKINS_CREDENTIALS is ${kind}; give azure-service-principal, username-password or oidc-token-file")
    }
    return servicePrincipal(id)
}

def servicePrincipal(String id) {
    try {
        return azureServicePrincipal(id)
    } catch (NoSuchMethodError missing) {
        error("The plugin azure-credentials is missing, which binds the credentials ${id}. Install it (Manage Jenkins, Plugins), or use credentials of another kind: set VMSS_JENKINS_CREDENTIALS to username-password or oidc-token-file")
    }
}

void checkVariables(String kind, List names) {
    for (name in names) {
        if (!env."${name}") {
            error("VMSS_JENKINS_CREDENTIALS is ${kind}, and the environment variable ${name} is missing; it needs ${names.join(', ')}")
        }
    }
}

// VMSS_JENKINS_COMMAND is the path of the command if it is not on the agent's PATH: one word, never a script.
String shellScript(String command, String option) {
    return '''#!/bin/sh -e
command=${VMSS_JENKINS_COMMAND:-vmss-jenkins}
command -v -- "$command" > /dev/null || {
    echo "$command is not on this agent: install the wheel of vmss-jenkins there (its README, Install it), or set VMSS_JENKINS_COMMAND to its path" >&2
    exit 127
}
exec "$command" ''' + command + ' --resource-group="$VMSS_JENKINS_STEP_RESOURCE_GROUP" --name="$VMSS_JENKINS_STEP_NAME" ' + option + '\n'
}

// Expands as the plugin did: $NAME and ${NAME} come from the build's environment, $$ is a dollar sign, an unknown name
// stays as it is, and a value is not expanded again.
String expand(given) {
    def text = given == null ? '' : "${given}".toString()
    def pieces = []
    int from = 0
    int at = text.indexOf('$')
    while (at >= 0) {
        pieces << text.substring(from, at)
        def reference = referenceAt(text, at)
        pieces << valueOf(reference)
        from = at + reference.length()
        at = text.indexOf('$', from)
    }
    pieces << text.substring(from)
    return pieces.join('')
}

// Returns the reference that starts at this dollar sign: $NAME, ${NAME} or $$; otherwise the dollar sign alone.
String referenceAt(String text, int at) {
    if (text.startsWith('$$', at)) {
        return '$$'
    }
    def letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_'
    boolean braced = text.startsWith('${', at)
    int end = at + (braced ? 2 : 1)
    int begin = end
    while (end < text.length() && (letters + (braced ? '.' : '')).contains(text.substring(end, end + 1))) {
        end++
    }
    if (end == begin || (braced && !text.startsWith('}', end))) {
        return '$'
    }
    return text.substring(at, braced ? end + 1 : end)
}

String valueOf(String reference) {
    if (reference == '$' || reference == '$$') {
        return '$'
    }
    def name = reference.startsWith('${') ? reference.substring(2, reference.length() - 1) : reference.substring(1)
    def value = env."${name}"
    return value == null ? reference : value
}
