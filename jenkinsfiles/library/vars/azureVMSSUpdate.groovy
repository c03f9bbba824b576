// Replaces the azure-vmss plugin's step of the same name with the command vmss-jenkins: sets the image in a scale set's
// model.

def call(Map args = [:]) {
    def step = 'azureVMSSUpdate'
    vmssJenkins.checkNames(step, args, ['azureCredentialsId', 'resourceGroup', 'name', 'imageReference'])
    def image = imageOf(step, args.imageReference)
    def values = vmssJenkins.target(step, args)
    if (image.id) {
        values << "VMSS_JENKINS_STEP_IMAGE_ID=${image.id}".toString()
        vmssJenkins.perform(args.azureCredentialsId, values, 'update', '--image-id="$VMSS_JENKINS_STEP_IMAGE_ID"')
    } else {
        values << "VMSS_JENKINS_STEP_IMAGE=${image.publisher}:${image.offer}:${image.sku}:${image.version}".toString()
        vmssJenkins.perform(args.azureCredentialsId, values, 'update', '--image="$VMSS_JENKINS_STEP_IMAGE"')
    }
}

def imageOf(String step, given) {
    if (!(given instanceof Map)) {
        error("${step}: imageReference is ${given}; give [id: ...] or [publisher: ..., offer: ..., sku: ..., version: ...]")
    }
    def marketplace = ['publisher', 'offer', 'sku', 'version']
    vmssJenkins.checkKeys("${step}: imageReference", given, marketplace + ['id'])
    def image = [:]
    for (key in marketplace + ['id']) {
        image[key] = vmssJenkins.expand(given[key]).trim()
    }
    checkImage(step, image, marketplace)
    return image
}

def checkImage(String step, Map image, List marketplace) {
    def present = []
    def missing = []
    for (key in marketplace) {
        (image[key] ? present : missing) << key
    }
    if (image.id && present) {
        error("${step}: imageReference has both an id and ${present.join(', ')}; give either the id or the marketplace image")
    }
    if (!image.id && !present) {
        error("${step}: imageReference is empty; give an id, or publisher, offer, sku and version. If it comes from an environment variable, check that the variable is set")
    }
    if (!image.id && missing) {
        error("${step}: imageReference lacks ${missing.join(', ')}; a marketplace image needs publisher, offer, sku and version")
    }
    if (!image.id) {
        for (key in marketplace) {
            if (image[key].contains(':')) {
                error("${step}: imageReference.${key} has a colon, which no marketplace image has: ${image[key]}")
            }
        }
    }
}
