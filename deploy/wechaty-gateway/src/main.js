/**
 * Huiyin's Wechaty gateway: owns the login to WeChat/WeCom and serves it over gRPC (Puppet Service).
 *
 * One line of JSON on standard output says that it is ready and on which ports; everything else goes to standard error.
 * It ends on SIGTERM, SIGINT or a closed standard input (`EXIT_WITH_PARENT=1`) within a second and never logs the account out,
 * because a logout means that somebody must scan a QR code again.
 */
import { log } from 'wechaty-puppet'
import { ConfigError, readConfig } from './config.js'
import { startControl } from './control.js'
import { createPuppet } from './puppet.js'
import { startServer } from './server.js'

/** After this long the process ends whatever still hangs. */
const STOP_LIMIT_MS = 700

// Libraries print to the console; standard output belongs to the ready line.
console.log = console.info = console.debug = console.error

const running = []
let stopping = false

async function stop (code) {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(code), STOP_LIMIT_MS)
  await Promise.allSettled(running.map(part => part.stop()))
  process.exit(code)
}

function listenForTheEnd (config) {
  process.once('SIGTERM', () => stop(0))
  process.once('SIGINT', () => stop(0))
  if (config.exitWithParent) {
    process.stdin.resume()
    process.stdin.once('end', () => stop(0))
    process.stdin.once('error', () => stop(0))
  }
  // Puppets leak rejections (a failed avatar download); ending for one would cost the login.
  process.on('unhandledRejection', reason => process.stderr.write(`gateway: unhandled: ${reason?.stack ?? reason}\n`))
}

async function main () {
  const config = readConfig(process.env)
  listenForTheEnd(config)
  log.level(config.log)
  const { puppet, world } = await createPuppet(config)
  puppet.on('error', () => process.stderr.write('gateway: the puppet reported an error\n'))
  await puppet.start()
  const server = await startServer({ ...config, puppet })
  running.push(server)
  const ready = { endpoint: server.address, ready: true }
  if (world && config.control) {
    const control = await startControl(world, config.control, config.token)
    running.push(control)
    ready.control = control.url
  }
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}

main().catch(error => {
  process.stderr.write(`gateway: ${error instanceof ConfigError ? error.message : error.stack}\n`)
  stop(1)
})
