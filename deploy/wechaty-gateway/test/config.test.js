import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, readConfig } from '../src/config.js'

const TOKEN = 'sample_token_1'

test('defaults are the mock on loopback', () => {
  const config = readConfig({ GATEWAY_TOKEN: TOKEN })
  assert.equal(config.puppet, 'mock')
  assert.deepEqual(config.endpoint, { host: '127.0.0.1', port: 18788 })
  assert.equal(config.tls, undefined)
})

test('everything wrong is reported at once, without the token', () => {
  const env = { GATEWAY_ENDPOINT: 'nowhere', GATEWAY_CONTROL: 'somewhere', GATEWAY_LOG: 'silly', GATEWAY_TOKEN: 'kurz', GATEWAY_TLS_CERT_FILE: 'x' }
  assert.throws(() => readConfig(env), error => {
    assert.ok(error instanceof ConfigError)
    for (const name of ['endpoint', 'control', 'log', 'token', 'tls_key_file']) assert.match(error.message, new RegExp(`- .*${name}`))
    assert.doesNotMatch(error.message, /kurz/)
    return true
  })
})

test('plaintext beyond loopback must be asked for', () => {
  const env = { GATEWAY_ENDPOINT: '0.0.0.0:18788', GATEWAY_TOKEN: TOKEN }
  assert.throws(() => readConfig(env), /allow_plaintext/)
  assert.equal(readConfig({ ...env, GATEWAY_ALLOW_PLAINTEXT: '1' }).allowPlaintext, true)
})
