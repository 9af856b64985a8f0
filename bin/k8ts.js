#!/usr/bin/env node
// The command `k8ts`. Plain JavaScript for Node 20: hands over to the pinned Node.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runPinned } from './pinned.js'

runPinned([join(dirname(fileURLToPath(import.meta.url)), 'launch.js'), ...process.argv.slice(2)])
