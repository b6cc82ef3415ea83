import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startControl } from '../src/control.js'
import { createPuppet } from '../src/puppet.js'

let control, puppet, world
const events = []
const ROOM = '示例公司-晨光贸易'

before(async () => {
  const mock = await createPuppet({ puppet: 'mock', puppetOptions: {} })
  world = mock.world
  puppet = mock.puppet
  for (const name of ['message', 'room-join', 'room-topic']) mock.puppet.on(name, payload => events.push([name, payload]))
  const loggedIn = new Promise(resolve => mock.puppet.once('login', resolve))
  await mock.puppet.start()
  await loggedIn
  control = await startControl(world, { host: '127.0.0.1', port: 0 })
})

after(() => control.stop())

async function post (path, body, headers = {}) {
  const response = await fetch(control.url + path, { body: JSON.stringify(body), headers, method: 'POST' })
  return [response.status, await response.json()]
}

test('a message is told by id and by name', async () => {
  const [status, { message_id: id }] = await post('/say', { room: ROOM, talker: '蓝先生', text: '在吗？' })
  assert.equal(status, 200)
  assert.deepEqual(events.at(-1), ['message', { messageId: id }])
})

test('while logged out the world moves on and nobody is told', async () => {
  await post('/logout', {})
  const before = events.length
  assert.equal((await post('/say', { room: ROOM, talker: '蓝先生', text: '有人吗' }))[0], 200)
  assert.equal((await post('/join', { room: ROOM, contact: '橙女士' }))[0], 200)
  assert.equal(events.length, before)
  await post('/login', {})
  const room = world.state().rooms.find(({ topic }) => topic === ROOM)
  assert.ok(room.member_ids.includes('7881300000000402'))
})

test('a state can be the next world', async () => {
  const { writeFileSync, mkdtempSync, rmSync } = await import('node:fs')
  const dir = mkdtempSync('/tmp/world-')
  writeFileSync(`${dir}/world.json`, JSON.stringify(world.state()))
  const again = await createPuppet({ puppet: 'mock', puppetOptions: {}, world: `${dir}/world.json` })
  rmSync(dir, { recursive: true })
  assert.deepEqual(again.world.state().rooms, world.state().rooms)
})

test('a room that we left is not listed, and may be kept from us altogether', async () => {
  const { id } = world.state().rooms.find(({ topic }) => topic === '示例公司-星河食品')
  assert.ok((await puppet.roomList()).includes(id))
  await post('/leave', { room: id, contact: world.state().self })
  assert.ok(!(await puppet.roomList()).includes(id))
  assert.ok((await puppet.roomMemberList(id)).length > 0)
  await post('/refuse', { room: id })
  await assert.rejects(puppet.roomMemberList(id))
  await assert.rejects(puppet.roomPayload(id))
})

test('what cannot be done is refused with a reason', async () => {
  for (const [path, body, reason] of [
    ['/say', { room: '没有', talker: '蓝先生', text: 'x' }, /room: nothing/],
    ['/say', { room: ROOM, talker: '蓝先生', text: 5 }, /text: text expected/],
    ['/say', { room: ROOM, talker: '蓝先生', text: 'x', type: 'song' }, /type: a number, or one of/],
    ['/recall', { message_id: 'none' }, /no message/],
    ['/emit', { event: 'stop', payload: {} }, /event: one of/],
  ]) {
    const [status, answer] = await post(path, body)
    assert.equal(status, 400, path)
    assert.match(answer.error, reason)
  }
})

test('a page of another host is kept out', async () => {
  assert.equal((await post('/logout', {}, { origin: 'https://elsewhere.example' }))[0], 403)
})

test('beyond loopback the control port asks for the token', async () => {
  const open = await startControl(world, { host: '0.0.0.0', port: 0 }, 'sample_token_1')
  const state = authorization => fetch(`${open.url.replace('0.0.0.0', '127.0.0.1')}/state`, { headers: authorization ? { authorization } : {} })
  for (const [authorization, status] of [[undefined, 401], ['Bearer sample_token_2', 401], ['Bearer sample_token_1', 200]]) {
    assert.equal((await state(authorization)).status, status, authorization)
  }
  open.stop()
})
