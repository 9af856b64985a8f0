// What people look at who want to know what waits where, as text in columns. Source: apiserver v0.34,
// pkg/util/flowcontrol/apf_controller_debug.go.
import type { FlowControl } from './flowControl.ts'
import { guess, type Place, type PriorityLevel } from './priorityLevel.ts'

/** A dump by the last part of its path; undefined when there is none of that name. */
export function dumpOf(name: string, flowControl: FlowControl, withDetails: boolean): string | undefined {
  switch (name) {
    case 'dump_priority_levels':
      return table(levelColumns, flowControl.table.levels().map(levelRow))
    case 'dump_queues':
      return table(queueColumns, flowControl.table.levels().flatMap(queueRows))
    case 'dump_requests': {
      const columns = withDetails ? [...requestColumns, ...detailColumns] : requestColumns
      return table(
        columns,
        flowControl.table.levels().flatMap((level) => requestRows(level, withDetails)),
      )
    }
    default:
      return undefined
  }
}

type Row = readonly (string | number | boolean)[]

const levelColumns = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
]

function levelRow({ name, queues, waiting, running, counts }: PriorityLevel): Row {
  const active = queues.filter((queue) => queue.waiting.length > 0).length
  const { dispatched, refused, late, gone } = counts
  const isIdle = waiting === 0 && running.size === 0
  return [name, active, isIdle, false, waiting, running.size, dispatched, refused, late, gone]
}

const queueColumns = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
]

function queueRows({ name, queues }: PriorityLevel): readonly Row[] {
  return queues.map(({ waiting, executing, seats, served, waitingSeats }, index) => [
    name,
    index,
    waiting.length,
    executing,
    seats,
    seatSeconds(served),
    waitingSeats,
    waitingSeats,
    seatSeconds(waitingSeats * guess),
  ])
}

const requestColumns = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
  'StartTime',
]

const detailColumns = ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource']

function requestRows(level: PriorityLevel, withDetails: boolean): readonly Row[] {
  const waiting = level.queues.flatMap((queue) => queue.waiting.map((place, index) => ({ place, index })))
  const running = [...level.running].map((place) => ({ place, index: -1 }))
  return [...waiting, ...running].map(({ place, index }) => [
    ...requestRow(level, place, index),
    ...(withDetails ? detailRow(place) : []),
  ])
}

function requestRow({ name, queues }: PriorityLevel, place: Place, index: number): Row {
  const { flow, queue, arrived, started, seats } = place
  const queueIndex = queue === undefined ? -1 : queues.indexOf(queue)
  const begun = started === undefined ? '0001-01-01T00:00:00Z' : timeOf(started)
  return [name, flow.schema, queueIndex, index, flow.distinguisher, timeOf(arrived), seats, 0, '0s', begun]
}

function detailRow({ user, info }: Place): Row {
  const { verb, path, namespace, name, group, version, resource, subresource } = info
  const apiVersion = group === '' ? version : `${group}/${version}`
  return [user, verb, path, namespace, name, apiVersion, resource, subresource]
}

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString()

const seatSeconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(8)}ss`

const narrowest = 8

/** Cells as wide as the widest of their column, with a comma behind all but the last. */
function table(columns: readonly string[], rows: readonly Row[]): string {
  const cells = [columns, ...rows].map((row) =>
    row.map((cell, at) => (at === columns.length - 1 ? String(cell) : `${cell},`)),
  )
  const widths = columns.map((_, at) => Math.max(narrowest, ...cells.map((row) => row[at]!.length + 1)))
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === columns.length - 1 ? cell : cell.padEnd(widths[at]!))).join('')
  return cells.map((row) => `${line(row)}\n`).join('')
}
