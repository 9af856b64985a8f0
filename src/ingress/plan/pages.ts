// The pages that clients of ingress-nginx know.
import type { Respond } from '../routing.ts'

const page = (status: number, text: string): Respond => ({
  kind: 'respond',
  status,
  contentType: 'text/html',
  body: [
    '<html>',
    `<head><title>${status} ${text}</title></head>`,
    '<body>',
    `<center><h1>${status} ${text}</h1></center>`,
    '<hr><center>nginx</center>',
    '</body>',
    '</html>',
    '',
  ].join('\r\n'),
})

/** For what nobody serves. */
export const notFoundPage = page(404, 'Not Found')

/** For what cannot be served as it must be. */
export const unavailablePage = page(503, 'Service Temporarily Unavailable')
