/**
 * Which puppet is behind the gateway: the mock with its world, or an installed package that logs a real account in.
 *
 * It must not know anything of gRPC or of the control port.
 */
import { PuppetMock, mock } from 'wechaty-puppet-mock'
import { World } from './world.js'

/** Message payloads the gateway keeps, as the stock cache does. */
const MESSAGE_CACHE = 500

/**
 * A first heartbeat arms a watchdog that resets the puppet (a logout) when no second one follows within this time.
 * The mock has no heart of its own, so one sent by hand must not log the account out a minute later.
 */
const MOCK_WATCHDOG_SECONDS = 7 * 24 * 3600

/** Returns `{ puppet, world }`; `world` only with the mock. */
export async function createPuppet (config) {
  if (config.puppet === 'mock') return createMock(config)
  return { puppet: await createReal(config), world: undefined }
}

function createMock (config) {
  const mocker = new mock.Mocker()
  const puppet = new PuppetMock({
    cache: { message: MESSAGE_CACHE },
    mocker,
    timeoutSeconds: MOCK_WATCHDOG_SECONDS,
    ...config.puppetOptions,
  })
  const world = World.load(config.world, mocker, puppet)
  mocker.use(() => world.enter())
  return { puppet, world }
}

async function createReal (config) {
  let module
  try {
    module = await import(config.puppet)
  } catch (error) {
    throw new Error(`the puppet package ${config.puppet} cannot be loaded (${error.code ?? error.message}); install it in this folder`)
  }
  return new (puppetClass(module, config.puppet))(config.puppetOptions)
}

/** Puppet packages export their class as default, or by a name that begins with `Puppet`. */
function puppetClass (module, name) {
  const named = Object.entries(module).filter(([key]) => /^Puppet[A-Z]/.test(key)).map(([, value]) => value)
  const found = [module.default, module.default?.default, ...named].find(value => typeof value?.prototype?.start === 'function')
  if (!found) throw new Error(`the package ${name} exports no puppet class`)
  return found
}
