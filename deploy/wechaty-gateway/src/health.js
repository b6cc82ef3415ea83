/**
 * Asks the gateway of this container how it is, by the health service of gRPC: a container's health check.
 *
 * Ends with 0 unless nobody answers or the puppet's heart has stopped. A puppet without a heart, as the mock, counts as
 * well. Written on bare HTTP/2, since loading the gRPC library takes longer than the question.
 */
import { connect } from 'node:http2'
import { readConfig } from './config.js'

const PATIENCE_MS = 4_000

/** An empty message of gRPC: not compressed, of length 0. */
const EMPTY = Buffer.alloc(5)

/** Where in the answer the status is: after the frame's head and the field's tag. */
const STATUS_AT = 6

const NOT_SERVING = 2

function check ({ endpoint, tls }) {
  const own = ['0.0.0.0', '[::]'].includes(endpoint.host) ? '127.0.0.1' : endpoint.host
  return new Promise((resolve, reject) => {
    // The certificate is our own and we are on the same machine.
    const session = connect(`${tls ? 'https' : 'http'}://${own}:${endpoint.port}`, { rejectUnauthorized: false })
    session.on('error', reject)
    const call = session.request({
      ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers',
    })
    const chunks = []
    call.on('data', chunk => chunks.push(chunk))
    call.on('trailers', trailers => {
      if (trailers['grpc-status'] !== '0') return reject(new Error(`gRPC status ${trailers['grpc-status']}`))
      resolve(Buffer.concat(chunks)[STATUS_AT])
    })
    call.on('error', reject)
    call.end(EMPTY)
  })
}

setTimeout(() => end(new Error('no answer in time')), PATIENCE_MS).unref()

function end (error) {
  if (error) process.stderr.write(`${error.message}\n`)
  process.exit(error ? 1 : 0)
}

check(readConfig(process.env)).then(
  status => end(status === NOT_SERVING ? new Error('the puppet has stopped') : undefined),
  end,
)
