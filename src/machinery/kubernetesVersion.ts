/** The version of Kubernetes whose behaviour all parts have: servers, nodes and simulated nodes. */
export const kubernetesVersion = 'v1.34.2'
