/**
 * The mock's control port: HTTP on loopback that moves the mock account's world, for tests and the demo.
 *
 * It exists only with the mock puppet. On loopback it has no password, so it answers only requests that are addressed to
 * loopback and do not come from a web page of another host. On any other address, that of a private container network,
 * it answers only to whoever shows the gateway's token.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { isLoopback } from './config.js'
import { BadRequest } from './world.js'

const MAX_BODY_BYTES = 1024 * 1024
const REQUEST_TIMEOUT_MS = 10_000

/** Path → what to do with the request's object; the result is the answer. */
function routes (world) {
  return {
    'GET /state': () => world.state(),
    'POST /contact': body => ({ id: world.addContact(body) }),
    'POST /emit': body => done(world.emit(body)),
    'POST /join': body => done(world.join(body)),
    'POST /leave': body => done(world.leave(body)),
    'POST /login': body => ({ changed: world.login(body.contact), logged_in: true }),
    'POST /logout': async body => ({ changed: await world.logout(body.reason), logged_in: false }),
    'POST /recall': body => ({ message_id: world.recall(body.message_id) }),
    'POST /refuse': body => done(world.refuse(body)),
    'POST /room': body => ({ id: world.addRoom(body) }),
    'POST /say': body => ({ message_id: world.say(body) }),
    'POST /scan': body => done(world.scan(body.qrcode, body.status)),
    'POST /topic': body => done(world.topic(body)),
  }
}

function done () {
  return { ok: true }
}

/** Starts the port and returns `{ url, stop }`. */
export function startControl (world, { host, port }, token) {
  const table = routes(world)
  const guard = isLoopback(host) ? refuseForeign : headers => requireToken(headers, token)
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(table, guard, request).then(
      body => send(response, 200, body),
      error => sendError(response, error),
    )
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host.replace(/^\[|\]$/g, ''), () => {
      resolve({
        stop: () => { server.close(); server.closeAllConnections() },
        url: `http://${host}:${server.address().port}`,
      })
    })
  })
}

async function answer (table, guard, request) {
  guard(request.headers)
  const { pathname } = new URL(request.url, 'http://localhost')
  const action = table[`${request.method} ${pathname}`]
  if (!action) throw new HttpError(404, `no ${request.method} ${pathname}; there are ${Object.keys(table).join(', ')}`)
  return action(request.method === 'POST' ? await readBody(request) : {})
}

/** Keeps out a web page that has a loopback name resolve to us, or that posts a form to us. */
function refuseForeign ({ host, origin }) {
  const hostName = (host ?? '').replace(/:\d+$/, '')
  if (!isLoopback(hostName)) throw new HttpError(403, 'this port answers to loopback names only')
  if (origin === undefined) return
  let originName
  try {
    originName = new URL(origin).hostname
  } catch {
    originName = ''
  }
  if (!isLoopback(originName)) throw new HttpError(403, 'this port does not answer to pages of other hosts')
}

function requireToken ({ authorization }, token) {
  const hash = text => createHash('sha256').update(text).digest()
  const shown = authorization ?? ''
  if (!token || !timingSafeEqual(hash(shown), hash(`Bearer ${token}`))) throw new HttpError(401, 'the token of the gateway is expected')
}

async function readBody (request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new HttpError(413, `the body is over ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  if (size === 0) return {}
  let body
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch {
    throw new BadRequest('the body is not JSON in UTF-8')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new BadRequest('the body must be one JSON object')
  return body
}

class HttpError extends Error {
  constructor (status, message) {
    super(message)
    this.status = status
  }
}

function sendError (response, error) {
  if (error instanceof BadRequest) return send(response, 400, { error: error.message })
  if (error instanceof HttpError) return send(response, error.status, { error: error.message })
  process.stderr.write(`control: ${error.stack}\n`)
  return send(response, 500, { error: 'the gateway failed, see its log' })
}

function send (response, status, body) {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-length': Buffer.byteLength(text), 'content-type': 'application/json; charset=utf-8' })
  response.end(text)
}
