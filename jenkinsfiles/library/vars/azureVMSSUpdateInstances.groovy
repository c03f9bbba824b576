// Replaces the azure-vmss plugin's step of the same name with the command vmss-jenkins: updates instances to the latest
// model.

def call(Map args = [:]) {
    def step = 'azureVMSSUpdateInstances'
    vmssJenkins.checkNames(step, args, ['azureCredentialsId', 'resourceGroup', 'name', 'instanceIds'])
    def ids = vmssJenkins.expand(args.instanceIds)
    if (!ids.trim()) {
        error("${step}: instanceIds is empty; give ids such as 0,1 or * for all instances. If it comes from an environment variable, check that the variable is set")
    }
    def values = vmssJenkins.target(step, args)
    values << "VMSS_JENKINS_STEP_INSTANCE_IDS=${ids}".toString()
    vmssJenkins.perform(args.azureCredentialsId, values, 'update-instances', '--instance-ids="$VMSS_JENKINS_STEP_INSTANCE_IDS"')
}
