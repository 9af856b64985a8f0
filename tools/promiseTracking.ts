/**
 * Keeps Node's test runner from noting of every promise in which test it was made, by a call when it comes and another when it
 * is collected: a fifth of the processor's time where tests are made of promises. Timers, sockets and the like are still noted.
 * What is thrown where nobody catches it fails the run, and not only the test from which it came: so it is told with its stack.
 * To be evaluated before `node:test`.
 */
import asyncHooks from 'node:async_hooks'

const { createHook } = asyncHooks
asyncHooks.createHook = (callbacks) => createHook({ ...callbacks, trackPromises: false })
// It takes the function when it is loaded; others get the one of Node.
await import('node:test')
asyncHooks.createHook = createHook

process.on('uncaughtExceptionMonitor', (error) => console.error(error))
process.on('unhandledRejection', (error) => console.error(error))
