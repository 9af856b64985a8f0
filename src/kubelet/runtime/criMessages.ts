/**
 * The part of the CRI (runtime.v1) that we use, and containerd's stream of events, as protobuf definitions. Fields that
 * we neither write nor read are left out; numbers and names are those of the CRI.
 */
export const criProto = `
syntax = "proto3";
package runtime.v1;

service RuntimeService {
  rpc Version(VersionRequest) returns (VersionResponse);
  rpc RunPodSandbox(RunPodSandboxRequest) returns (RunPodSandboxResponse);
  rpc StopPodSandbox(StopPodSandboxRequest) returns (StopPodSandboxResponse);
  rpc RemovePodSandbox(RemovePodSandboxRequest) returns (RemovePodSandboxResponse);
  rpc PodSandboxStatus(PodSandboxStatusRequest) returns (PodSandboxStatusResponse);
  rpc ListPodSandbox(ListPodSandboxRequest) returns (ListPodSandboxResponse);
  rpc CreateContainer(CreateContainerRequest) returns (CreateContainerResponse);
  rpc StartContainer(StartContainerRequest) returns (StartContainerResponse);
  rpc StopContainer(StopContainerRequest) returns (StopContainerResponse);
  rpc RemoveContainer(RemoveContainerRequest) returns (RemoveContainerResponse);
  rpc ListContainers(ListContainersRequest) returns (ListContainersResponse);
  rpc ContainerStatus(ContainerStatusRequest) returns (ContainerStatusResponse);
  rpc UpdateContainerResources(UpdateContainerResourcesRequest) returns (UpdateContainerResourcesResponse);
  rpc ContainerStats(ContainerStatsRequest) returns (ContainerStatsResponse);
  rpc ReopenContainerLog(ReopenContainerLogRequest) returns (ReopenContainerLogResponse);
  rpc ExecSync(ExecSyncRequest) returns (ExecSyncResponse);
  rpc Exec(ExecRequest) returns (ExecResponse);
  rpc Attach(AttachRequest) returns (AttachResponse);
  rpc PortForward(PortForwardRequest) returns (PortForwardResponse);
  rpc Status(StatusRequest) returns (StatusResponse);
}
service ImageService {
  rpc ListImages(ListImagesRequest) returns (ListImagesResponse);
  rpc ImageStatus(ImageStatusRequest) returns (ImageStatusResponse);
  rpc PullImage(PullImageRequest) returns (PullImageResponse);
  rpc RemoveImage(RemoveImageRequest) returns (RemoveImageResponse);
  rpc ImageFsInfo(ImageFsInfoRequest) returns (ImageFsInfoResponse);
}

enum ContainerState { CONTAINER_CREATED = 0; CONTAINER_RUNNING = 1; CONTAINER_EXITED = 2; CONTAINER_UNKNOWN = 3; }
enum MountPropagation { PROPAGATION_PRIVATE = 0; PROPAGATION_HOST_TO_CONTAINER = 1; PROPAGATION_BIDIRECTIONAL = 2; }
enum NamespaceMode { POD = 0; CONTAINER = 1; NODE = 2; TARGET = 3; }
enum PodSandboxState { SANDBOX_READY = 0; SANDBOX_NOTREADY = 1; }
enum SupplementalGroupsPolicy { Merge = 0; Strict = 1; }
enum Protocol { TCP = 0; UDP = 1; SCTP = 2; }
message VersionRequest { string version = 1; }
message VersionResponse {
  string version = 1; string runtime_name = 2; string runtime_version = 3; string runtime_api_version = 4;
}
message PodSandboxMetadata { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
message DNSConfig { repeated string servers = 1; repeated string searches = 2; repeated string options = 3; }
message PortMapping { Protocol protocol = 1; int32 container_port = 2; int32 host_port = 3; string host_ip = 4; }
message NamespaceOption {
  NamespaceMode network = 1; NamespaceMode pid = 2; NamespaceMode ipc = 3; string target_id = 4;
}
message Int64Value { int64 value = 1; }
message SecurityProfile {
  enum ProfileType { RuntimeDefault = 0; Unconfined = 1; Localhost = 2; } ProfileType profile_type = 1;
  string localhost_ref = 2;
}
message SELinuxOption { string user = 1; string role = 2; string type = 3; string level = 4; }
message LinuxSandboxSecurityContext {
  NamespaceOption namespace_options = 1; SELinuxOption selinux_options = 2; Int64Value run_as_user = 3; Int64Value run_as_group = 8;
  bool readonly_rootfs = 4; repeated int64 supplemental_groups = 5; bool privileged = 6;
  SecurityProfile seccomp = 9; SupplementalGroupsPolicy supplemental_groups_policy = 11;
}
message LinuxContainerResources {
  int64 cpu_period = 1; int64 cpu_quota = 2; int64 cpu_shares = 3; int64 memory_limit_in_bytes = 4;
  int64 oom_score_adj = 5; string cpuset_cpus = 6;
}
message LinuxPodSandboxConfig {
  string cgroup_parent = 1; LinuxSandboxSecurityContext security_context = 2; map<string, string> sysctls = 3;
  LinuxContainerResources resources = 5;
}
message PodSandboxConfig {
  PodSandboxMetadata metadata = 1; string hostname = 2; string log_directory = 3; DNSConfig dns_config = 4;
  repeated PortMapping port_mappings = 5; map<string, string> labels = 6; map<string, string> annotations = 7;
  LinuxPodSandboxConfig linux = 8;
}
message RunPodSandboxRequest { PodSandboxConfig config = 1; string runtime_handler = 2; }
message RunPodSandboxResponse { string pod_sandbox_id = 1; }
message StopPodSandboxRequest { string pod_sandbox_id = 1; }
message StopPodSandboxResponse { }
message RemovePodSandboxRequest { string pod_sandbox_id = 1; }
message RemovePodSandboxResponse { }
message PodSandboxStatusRequest { string pod_sandbox_id = 1; }
message PodIP { string ip = 1; }
message PodSandboxNetworkStatus { string ip = 1; repeated PodIP additional_ips = 2; }
message Namespace { NamespaceOption options = 2; }
message LinuxPodSandboxStatus { Namespace namespaces = 1; }
message PodSandboxStatus {
  string id = 1; PodSandboxMetadata metadata = 2; PodSandboxState state = 3; int64 created_at = 4;
  PodSandboxNetworkStatus network = 5; LinuxPodSandboxStatus linux = 6; map<string, string> labels = 7;
  map<string, string> annotations = 8; string runtime_handler = 9;
}
message PodSandboxStatusResponse { PodSandboxStatus status = 1; }
message PodSandboxStateValue { PodSandboxState state = 1; }
message PodSandboxFilter { string id = 1; PodSandboxStateValue state = 2; map<string, string> label_selector = 3; }
message ListPodSandboxRequest { PodSandboxFilter filter = 1; }
message PodSandbox {
  string id = 1; PodSandboxMetadata metadata = 2; PodSandboxState state = 3; int64 created_at = 4;
  map<string, string> labels = 5; map<string, string> annotations = 6; string runtime_handler = 7;
}
message ListPodSandboxResponse { repeated PodSandbox items = 1; }
message ContainerMetadata { string name = 1; uint32 attempt = 2; }
message ImageSpec {
  string image = 1; map<string, string> annotations = 2; string user_specified_image = 18;
  string runtime_handler = 19;
}
message KeyValue { string key = 1; bytes value = 2; }
message Mount {
  string container_path = 1; string host_path = 2; bool readonly = 3; MountPropagation propagation = 5;
  bool recursive_read_only = 8;
}
message Capability { repeated string add_capabilities = 1; repeated string drop_capabilities = 2; }
message LinuxContainerSecurityContext {
  Capability capabilities = 1; bool privileged = 2; NamespaceOption namespace_options = 3; SELinuxOption selinux_options = 4;
  Int64Value run_as_user = 5; Int64Value run_as_group = 12; string run_as_username = 6; bool readonly_rootfs = 7;
  repeated int64 supplemental_groups = 8; bool no_new_privs = 11; repeated string masked_paths = 13; repeated string readonly_paths = 14;
  SecurityProfile seccomp = 15; SecurityProfile apparmor = 16; SupplementalGroupsPolicy supplemental_groups_policy = 17;
}
message LinuxContainerConfig {
  LinuxContainerResources resources = 1; LinuxContainerSecurityContext security_context = 2;
}
message ContainerConfig {
  ContainerMetadata metadata = 1; ImageSpec image = 2; repeated string command = 3; repeated string args = 4;
  string working_dir = 5; repeated KeyValue envs = 6; repeated Mount mounts = 7; map<string, string> labels = 9;
  map<string, string> annotations = 10; string log_path = 11; bool stdin = 12; bool stdin_once = 13; bool tty = 14;
  LinuxContainerConfig linux = 15;
}
message CreateContainerRequest {
  string pod_sandbox_id = 1; ContainerConfig config = 2; PodSandboxConfig sandbox_config = 3;
}
message CreateContainerResponse { string container_id = 1; }
message StartContainerRequest { string container_id = 1; }
message StartContainerResponse { }
message StopContainerRequest { string container_id = 1; int64 timeout = 2; }
message StopContainerResponse { }
message RemoveContainerRequest { string container_id = 1; }
message RemoveContainerResponse { }
message ContainerStateValue { ContainerState state = 1; }
message ContainerFilter {
  string id = 1; ContainerStateValue state = 2; string pod_sandbox_id = 3; map<string, string> label_selector = 4;
}
message ListContainersRequest { ContainerFilter filter = 1; }
message Container {
  string id = 1; string pod_sandbox_id = 2; ContainerMetadata metadata = 3; ImageSpec image = 4;
  string image_ref = 5; ContainerState state = 6; int64 created_at = 7; map<string, string> labels = 8;
  map<string, string> annotations = 9; string image_id = 10;
}
message ListContainersResponse { repeated Container containers = 1; }
message ContainerStatusRequest { string container_id = 1; }
message ContainerResources { LinuxContainerResources linux = 1; }
message LinuxContainerUser { int64 uid = 1; int64 gid = 2; repeated int64 supplemental_groups = 3; }
message ContainerUser { LinuxContainerUser linux = 1; }
message ContainerStatus {
  string id = 1; ContainerMetadata metadata = 2; ContainerState state = 3; int64 created_at = 4;
  int64 started_at = 5; int64 finished_at = 6; int32 exit_code = 7; ImageSpec image = 8; string image_ref = 9;
  string reason = 10; string message = 11; map<string, string> labels = 12; map<string, string> annotations = 13;
  repeated Mount mounts = 14; string log_path = 15; ContainerResources resources = 16; string image_id = 17;
  ContainerUser user = 18;
}
message ContainerStatusResponse { ContainerStatus status = 1; }
message UpdateContainerResourcesRequest {
  string container_id = 1; LinuxContainerResources linux = 2; map<string, string> annotations = 4;
}
message UpdateContainerResourcesResponse { }
message ContainerStatsRequest { string container_id = 1; }
message ContainerStats { FilesystemUsage writable_layer = 4; }
message ContainerStatsResponse { ContainerStats stats = 1; }
message ReopenContainerLogRequest { string container_id = 1; }
message ReopenContainerLogResponse { }
message ExecSyncRequest { string container_id = 1; repeated string cmd = 2; int64 timeout = 3; }
message ExecSyncResponse { bytes stdout = 1; bytes stderr = 2; int32 exit_code = 3; }
message ExecRequest {
  string container_id = 1; repeated string cmd = 2; bool tty = 3; bool stdin = 4; bool stdout = 5; bool stderr = 6;
}
message ExecResponse { string url = 1; }
message AttachRequest { string container_id = 1; bool stdin = 2; bool tty = 3; bool stdout = 4; bool stderr = 5; }
message AttachResponse { string url = 1; }
message PortForwardRequest { string pod_sandbox_id = 1; repeated int32 port = 2; }
message PortForwardResponse { string url = 1; }
message StatusRequest { }
message RuntimeCondition { string type = 1; bool status = 2; string reason = 3; string message = 4; }
message RuntimeStatus { repeated RuntimeCondition conditions = 1; }
message RuntimeHandlerFeatures { bool recursive_read_only_mounts = 1; bool user_namespaces = 2; }
message RuntimeHandler { string name = 1; RuntimeHandlerFeatures features = 2; }
message RuntimeFeatures { bool supplemental_groups_policy = 1; }
message StatusResponse {
  RuntimeStatus status = 1; repeated RuntimeHandler runtime_handlers = 3; RuntimeFeatures features = 4;
}
message ImageFilter { ImageSpec image = 1; }
message ListImagesRequest { ImageFilter filter = 1; }
message Image {
  string id = 1; repeated string repo_tags = 2; repeated string repo_digests = 3; uint64 size = 4;
  Int64Value uid = 5; string username = 6; bool pinned = 8;
}
message ListImagesResponse { repeated Image images = 1; }
message ImageStatusRequest { ImageSpec image = 1; }
message ImageStatusResponse { Image image = 1; }
message AuthConfig {
  string username = 1; string password = 2; string auth = 3; string server_address = 4; string identity_token = 5;
  string registry_token = 6;
}
message PullImageRequest { ImageSpec image = 1; AuthConfig auth = 2; PodSandboxConfig sandbox_config = 3; }
message PullImageResponse { string image_ref = 1; }
message RemoveImageRequest { ImageSpec image = 1; }
message RemoveImageResponse { }
message ImageFsInfoRequest { }
message FilesystemIdentifier { string mountpoint = 1; }
message UInt64Value { uint64 value = 1; }
message FilesystemUsage { FilesystemIdentifier fs_id = 2; UInt64Value used_bytes = 3; UInt64Value inodes_used = 4; }
message ImageFsInfoResponse {
  repeated FilesystemUsage image_filesystems = 1; repeated FilesystemUsage container_filesystems = 2;
}
`

export const eventsProto = `
syntax = "proto3";
package containerd.services.events.v1;

service Events { rpc Subscribe(SubscribeRequest) returns (stream Envelope); }

message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message Any { string type_url = 1; bytes value = 2; }
message SubscribeRequest { repeated string filters = 1; }
message Envelope { Timestamp timestamp = 1; string namespace = 2; string topic = 3; Any event = 4; }

`

export interface PodSandboxMetadata {
  name: string
  uid: string
  namespace: string
  attempt: number
}

/** Namespace modes, container and sandbox states as they travel: by name. */
export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET'

export interface NamespaceOption {
  network: NamespaceMode
  pid: NamespaceMode
  ipc: NamespaceMode
  targetId?: string
}

export interface SecurityProfile {
  profileType: 'RuntimeDefault' | 'Unconfined' | 'Localhost'
  localhostRef?: string
}

/** The parts of a label; those that are absent stay the runtime's. */
export interface SELinuxOption {
  user?: string
  role?: string
  type?: string
  level?: string
}

export interface LinuxContainerResources {
  cpuPeriod?: number
  cpuQuota?: number
  cpuShares?: number
  memoryLimitInBytes?: number
  oomScoreAdj?: number
}

export interface PodSandboxConfig {
  metadata: PodSandboxMetadata
  hostname: string
  logDirectory: string
  dnsConfig?: { servers: readonly string[]; searches: readonly string[]; options: readonly string[] }
  labels: Record<string, string>
  annotations: Record<string, string>
  linux: {
    cgroupParent: string
    sysctls: Record<string, string>
    securityContext: {
      namespaceOptions: NamespaceOption
      selinuxOptions?: SELinuxOption
      runAsUser?: { value: number }
      runAsGroup?: { value: number }
      supplementalGroups: readonly number[]
      supplementalGroupsPolicy?: 'Strict'
      privileged: boolean
      seccomp: SecurityProfile
    }
    resources?: LinuxContainerResources
  }
}

export interface CriMount {
  containerPath: string
  hostPath: string
  readonly: boolean
  recursiveReadOnly?: true
  propagation: 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL'
}

export interface ContainerConfig {
  metadata: { name: string; attempt: number }
  image: { image: string; userSpecifiedImage: string }
  command: readonly string[]
  args: readonly string[]
  workingDir: string
  envs: readonly { key: string; value: Buffer }[]
  mounts: readonly CriMount[]
  labels: Record<string, string>
  annotations: Record<string, string>
  logPath: string
  stdin: boolean
  stdinOnce: boolean
  tty: boolean
  linux: {
    resources: LinuxContainerResources
    securityContext: {
      capabilities?: { addCapabilities: readonly string[]; dropCapabilities: readonly string[] }
      privileged: boolean
      namespaceOptions: NamespaceOption
      selinuxOptions?: SELinuxOption
      runAsUser?: { value: number }
      runAsGroup?: { value: number }
      runAsUsername?: string
      readonlyRootfs: boolean
      supplementalGroups: readonly number[]
      supplementalGroupsPolicy?: 'Strict'
      noNewPrivs: boolean
      maskedPaths: readonly string[]
      readonlyPaths: readonly string[]
      seccomp: SecurityProfile
      /** Absent where the pod names none: the runtime then has its own on machines with AppArmor. */
      apparmor?: SecurityProfile
    }
  }
}

/** 64-bit numbers arrive as text, so that nanoseconds stay exact. */
export interface CriContainer {
  id: string
  podSandboxId: string
  metadata: { name: string; attempt: number }
  state: CriContainerState
  createdAt: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

export type CriContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN'

export interface CriContainerStatus {
  id: string
  metadata: { name: string; attempt: number }
  state: CriContainerState
  createdAt: string
  startedAt: string
  finishedAt: string
  exitCode: number
  image: { image: string } | null
  imageRef: string
  reason: string
  message: string
  labels: Record<string, string>
  annotations: Record<string, string>
  logPath: string
  user: { linux: { uid: string; gid: string; supplementalGroups: string[] } | null } | null
}

export interface CriSandbox {
  id: string
  metadata: PodSandboxMetadata
  state: 'SANDBOX_READY' | 'SANDBOX_NOTREADY'
  createdAt: string
  labels: Record<string, string>
}

export interface CriSandboxStatus extends CriSandbox {
  network: { ip: string; additionalIps: { ip: string }[] } | null
}

export interface CriImage {
  id: string
  repoTags: string[]
  repoDigests: string[]
  size: string
  uid: { value: string } | null
  username: string
  pinned: boolean
}

export interface CriFileSystem {
  fsId: { mountpoint: string } | null
  usedBytes: { value: string } | null
  inodesUsed: { value: string } | null
}

/** What the runtime says of itself besides its conditions; runtimes before CRI's v0.30 and v0.31 leave it out. */
export interface CriAbilities {
  runtimeHandlers: readonly {
    name: string
    features: { recursiveReadOnlyMounts: boolean; userNamespaces: boolean } | null
  }[]
  features: { supplementalGroupsPolicy: boolean } | null
}
