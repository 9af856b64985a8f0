import type { NodeCondition } from '#api/core/v1/nodeStatus.ts'
import { timeText } from '#machinery/time.ts'
import type { PressureCondition } from '../eviction/signals.ts'

const owned = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready']

/** The conditions of a node; those of others are kept, and each keeps its time while its status does. */
export function computeNodeConditions(
  old: readonly NodeCondition[],
  pressures: readonly PressureCondition[],
  problems: readonly string[],
  now: number,
): NodeCondition[] {
  const own: readonly (readonly [string, boolean, string, string])[] = [
    pressures.includes('MemoryPressure')
      ? ['MemoryPressure', true, 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available']
      : ['MemoryPressure', false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    pressures.includes('DiskPressure')
      ? ['DiskPressure', true, 'KubeletHasDiskPressure', 'kubelet has disk pressure']
      : ['DiskPressure', false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    pressures.includes('PIDPressure')
      ? ['PIDPressure', true, 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available']
      : ['PIDPressure', false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    problems.length > 0
      ? ['Ready', false, 'KubeletNotReady', problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`]
      : ['Ready', true, 'KubeletReady', 'kubelet is posting ready status'],
  ]
  const conditions = own.map(([type, holds, reason, message]): NodeCondition => {
    const status = holds ? 'True' : 'False'
    const before = old.find((condition) => condition.type === type)
    const since = before?.status === status ? before.lastTransitionTime : undefined
    return {
      type,
      status,
      lastHeartbeatTime: timeText(now),
      lastTransitionTime: since ?? timeText(now),
      reason,
      message,
    }
  })
  return [...old.filter((condition) => !owned.includes(condition.type)), ...conditions]
}
