/**
 * The gRPC side: the stock `PuppetServer`, with the two things it lacks.
 *
 * Server keepalive: without it a client host that vanished keeps the only Event stream for a quarter of an hour.
 * The package passes a mutable, empty `GRPC_OPTIONS` object to gRPC and offers no other way in, so the values are put there.
 *
 * It must not stop the puppet: ending the server leaves the account logged in.
 */
import { createServer } from 'node:net'
import { PuppetServer } from 'wechaty-puppet-service'

const KEEPALIVE_TIME_MS = 10_000
const KEEPALIVE_TIMEOUT_MS = 5_000

/** A port that was free a moment ago can be taken; so often do we look for another one. */
const BIND_ATTEMPTS = 5

/** Starts gRPC and returns `{ address, stop }`; `address` has the port really used. */
export async function startServer ({ puppet, token, endpoint, tls }) {
  await enableKeepalive()
  for (let attempt = 1; ; attempt++) {
    const port = endpoint.port || await freePort(endpoint.host)
    const address = `${endpoint.host}:${port}`
    const server = new PuppetServer({ endpoint: address, puppet, tls: tls ?? { disable: true }, token })
    try {
      await server.start()
      return { address, stop: () => server.stop() }
    } catch (error) {
      if (endpoint.port || attempt === BIND_ATTEMPTS) {
        throw new Error(`cannot listen on ${address}: ${error.message}`, { cause: error })
      }
    }
  }
}

async function enableKeepalive () {
  const config = new URL('./config.js', import.meta.resolve('wechaty-puppet-service'))
  const { GRPC_OPTIONS } = await import(config.href)
  GRPC_OPTIONS['grpc.keepalive_time_ms'] = KEEPALIVE_TIME_MS
  GRPC_OPTIONS['grpc.keepalive_timeout_ms'] = KEEPALIVE_TIMEOUT_MS
}

/** `PuppetServer` hides the port it was given by the system, so a free one is found before. */
function freePort (host) {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, host.replace(/^\[|\]$/g, ''), () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
