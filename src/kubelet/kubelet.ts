/**
 * The node agent: runs the pods that are bound to its node, through a container runtime, and tells the API server how
 * they are. `plan/` decides without input or output, `podWorker.ts` acts for one pod, and the folders beside it are the
 * parts of the machine: runtime, volumes, probes, images, control groups, the node object, the server for logs and exec.
 * Scheduling, service networking and the names of services are elsewhere.
 */
export type { KubeletDirectories, KubeletOptions, KubeletServerOptions, NodeDns } from './options.ts'
