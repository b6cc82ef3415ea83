/**
 * The mock account's world: who exists, which rooms there are, and what happens in them.
 *
 * It behaves like WeChat where that matters to a client: while the account is logged out, the world moves on and
 * nobody is told; a room that our account is not in is not seen.
 *
 * The world's JSON has the shape of `state()`, so that a state can be used as the next world.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { types } from 'wechaty-puppet'

/** Something the caller asked for that this world cannot do. The control port answers 400 with the message. */
export class BadRequest extends Error {
  constructor (message) {
    super(message)
    this.name = 'BadRequest'
  }
}

/** Names for the numbers on the wire; any other number may be given as it is. */
const MESSAGE_TYPES = {
  audio: 2, call: 20, chat_history: 4, contact: 3, emoticon: 5, file: 1, image: 6, location: 8, mini_program: 9,
  other: 0, recalled: 13, red_envelope: 12, system: 18, text: 7, transfer: 11, url: 14, video: 15,
}

const CONTACT_TYPES = { corporation: 3, individual: 1, official: 2, unknown: 0 }

const MAX_INT32 = 2 ** 31 - 1
const MAX_DELAY_MS = 60_000

export class World {
  #mocker
  #puppet
  #self
  #delays = new Map()
  #recalled = new Set()
  #refused = new Set()

  constructor (spec, mocker, puppet) {
    this.#mocker = mocker
    this.#puppet = puppet
    for (const contact of list(spec.contacts, 'contacts')) this.addContact(contact)
    this.#self = this.contact(spec.self, 'self')
    for (const room of list(spec.rooms, 'rooms')) this.addRoom(room)
    this.#keepFromUs()
    this.#answerLate()
  }

  /** Real puppets answer for one message sooner than for another. */
  #answerLate () {
    const ask = this.#puppet.messageRawPayload.bind(this.#puppet)
    this.#puppet.messageRawPayload = async id => {
      await sleep(this.#delays.get(id) ?? 0)
      return ask(id)
    }
  }

  /** The mock lists every room and tells all of each: an account is told of its own, and some puppets refuse the others. */
  #keepFromUs () {
    const rooms = this.#mocker.cacheRoomPayload
    this.#puppet.roomList = async () =>
      [...rooms.values()].filter(room => room.memberIdList.includes(this.#self.id)).map(room => room.id)
    for (const call of ['roomPayload', 'roomMemberList']) {
      const ask = this.#puppet[call].bind(this.#puppet)
      this.#puppet[call] = async id => {
        if (this.#refused.has(id)) throw new Error(`${call}: no room ${id}`)
        return ask(id)
      }
    }
  }

  /** Reads the world from a file; without one it is the sample beside this module. */
  static load (path, mocker, puppet) {
    const source = path ?? new URL('./sample-world.json', import.meta.url)
    let spec
    try {
      spec = JSON.parse(readFileSync(source, 'utf8'))
    } catch (error) {
      throw new Error(`the world cannot be read from ${path ?? 'the sample'}: ${error.message}`)
    }
    try {
      return new World(spec, mocker, puppet)
    } catch (error) {
      throw new Error(`the world in ${path ?? 'the sample'} is wrong: ${error.message}`, { cause: error })
    }
  }

  /** Runs at every start of the puppet: the account comes in logged in. */
  enter () {
    this.login()
    return () => {}
  }

  get loggedIn () {
    return this.#puppet.isLoggedIn
  }

  login (contact) {
    if (contact !== undefined) this.#self = this.contact(contact, 'contact')
    if (this.loggedIn) return false
    this.#mocker.login(this.#self)
    this.#puppet.emit('ready', { data: 'ready' })
    return true
  }

  async logout (reason) {
    if (!this.loggedIn) return false
    await this.#puppet.logout(reason === undefined ? 'logged out on the phone' : text(reason, 'reason'))
    return true
  }

  scan (qrcode, status = 2) {
    this.#mocker.scan(text(qrcode, 'qrcode'), int32(status, 'status'))
  }

  addContact (spec) {
    const id = text(spec?.id ?? `7881${randomUUID()}`, 'contact id')
    if (this.#mocker.cacheContactPayload.has(id)) throw new BadRequest(`the contact ${id} exists already`)
    this.#mocker.createContact({
      address: '', alias: undefined, avatar: '', city: '', gender: 0, phone: [], province: '', signature: '',
      ...spec,
      corporation: spec.corporation === undefined ? '' : text(spec.corporation, 'corporation', true),
      coworker: spec.coworker === true,
      id,
      name: text(spec.name, 'contact name'),
      type: number(spec.type ?? 'individual', CONTACT_TYPES, 'contact type'),
    })
    return id
  }

  /** Ids with `@`, since the mock tells rooms from contacts by that when it sends. */
  addRoom (spec) {
    const id = text(spec?.id ?? `R:${randomUUID()}@chatroom`, 'room id')
    if (this.#mocker.cacheRoomPayload.has(id)) throw new BadRequest(`the room ${id} exists already`)
    const members = list(spec.member_ids ?? spec.members, 'members').map(member => this.contact(member, 'members').id)
    if (members.length === 0) throw new BadRequest('members: a room needs at least one')
    const owner = spec.owner_id ?? spec.owner
    this.#mocker.createRoom({
      adminIdList: [],
      avatar: '',
      external: spec.external ?? true,
      id,
      memberIdList: [...new Set(members)],
      ownerId: owner === undefined ? members[0] : this.contact(owner, 'owner').id,
      topic: text(spec.topic, 'topic', true),
    })
    return id
  }

  say (spec) {
    const talker = this.contact(spec.talker, 'talker')
    const where = spec.room === undefined || spec.room === null
      ? { listenerId: spec.listener === undefined ? this.#self.id : this.contact(spec.listener, 'listener').id }
      : { mentionIdList: this.#mentions(spec.mentions), roomId: this.#roomWeAreIn(spec.room).id }
    const id = text(spec.id ?? randomUUID(), 'id')
    if (this.#mocker.cacheMessagePayload.has(id)) throw new BadRequest(`the message ${id} exists already`)
    if (spec.delay_ms !== undefined) this.#delays.set(id, delay(spec.delay_ms))
    return this.#message({
      ...where,
      filename: spec.filename === undefined ? undefined : text(spec.filename, 'filename'),
      id,
      talkerId: talker.id,
      text: text(spec.text ?? '', 'text', true),
      timestamp: spec.timestamp === undefined ? Date.now() : timestamp(spec.timestamp),
      type: number(spec.type ?? 'text', MESSAGE_TYPES, 'type'),
    })
  }

  /** A recall is a message of its own, of type 13, whose text is the id of the original. */
  recall (messageId) {
    const original = this.#mocker.cacheMessagePayload.get(text(messageId, 'message_id'))
    if (!original) throw new BadRequest(`no message ${messageId}`)
    if (this.#recalled.has(messageId)) throw new BadRequest(`the message ${messageId} is recalled already`)
    this.#recalled.add(messageId)
    return this.#message({
      ...original, filename: undefined, id: randomUUID(), mentionIdList: [], text: messageId, timestamp: Date.now(), type: MESSAGE_TYPES.recalled,
    })
  }

  join (spec) {
    const room = this.room(spec.room)
    const contact = this.contact(spec.contact, 'contact')
    if (room.payload.memberIdList.includes(contact.id)) throw new BadRequest(`${contact.id} is in the room already`)
    const inviter = this.#actor(spec.inviter, 'inviter', room)
    if (this.loggedIn) room.add(contact).by(inviter)
    else room.payload.memberIdList.push(contact.id)
  }

  leave (spec) {
    const room = this.room(spec.room)
    const contact = this.contact(spec.contact, 'contact')
    if (!room.payload.memberIdList.includes(contact.id)) throw new BadRequest(`${contact.id} is not in the room`)
    const remover = spec.remover === undefined ? contact : this.contact(spec.remover, 'remover')
    if (this.loggedIn) room.remove(contact).by(remover)
    else room.payload.memberIdList = room.payload.memberIdList.filter(id => id !== contact.id)
  }

  /** From now on whoever asks about this room is refused. */
  refuse (spec) {
    this.#refused.add(this.room(spec.room).id)
  }

  topic (spec) {
    const room = this.room(spec.room)
    const topic = text(spec.topic, 'topic', true)
    const changer = this.#actor(spec.changer, 'changer', room)
    if (this.loggedIn) room.topic(topic).by(changer)
    else room.payload.topic = topic
  }

  /** Any event of a puppet as it is, for the odd ones: a heartbeat, the same message id twice, a stale cache entry. */
  emit (spec) {
    const event = text(spec.event, 'event')
    const known = Object.keys(types.PUPPET_EVENT_DICT)
    if (!known.includes(event)) throw new BadRequest(`event: one of ${known.join(', ')}`)
    if (typeof spec.payload !== 'object' || spec.payload === null) throw new BadRequest('payload: an object')
    this.#puppet.emit(event, spec.payload)
  }

  state () {
    const rooms = [...this.#mocker.cacheRoomPayload.values()]
    const contacts = [...this.#mocker.cacheContactPayload.values()]
    return {
      contacts: contacts.map(contact => ({
        id: contact.id, name: contact.name, corporation: contact.corporation, coworker: contact.coworker, type: contact.type,
      })),
      logged_in: this.loggedIn,
      rooms: rooms.map(room => ({
        id: room.id, topic: room.topic, owner_id: room.ownerId, member_ids: [...room.memberIdList],
      })),
      self: this.#self.id,
    }
  }

  /** By id, else by a name that only one contact has. */
  contact (key, field) {
    const id = find(this.#mocker.cacheContactPayload, text(key, field), payload => payload.name, field)
    return this.#mocker.ContactMock.load(id)
  }

  /** By id, else by a topic that only one room has. */
  room (key) {
    const id = find(this.#mocker.cacheRoomPayload, text(key, 'room'), payload => payload.topic, 'room')
    return this.#mocker.RoomMock.load(id)
  }

  #message (payload) {
    this.#mocker.MessageMock.create(payload)
    if (this.loggedIn) this.#puppet.emit('message', { messageId: payload.id })
    return payload.id
  }

  #roomWeAreIn (key) {
    const room = this.room(key)
    if (!room.payload.memberIdList.includes(this.#self.id)) {
      throw new BadRequest(`our account is not in the room ${room.id}, it would see nothing`)
    }
    return room
  }

  #mentions (mentions) {
    return list(mentions ?? [], 'mentions').map(mention => this.contact(mention, 'mentions').id)
  }

  #actor (key, field, room) {
    return this.contact(key ?? room.payload.ownerId, field)
  }
}

function find (payloads, key, name, field) {
  if (payloads.has(key)) return key
  const found = [...payloads.values()].filter(payload => name(payload) === key)
  if (found.length === 1) return found[0].id
  if (found.length === 0) throw new BadRequest(`${field}: nothing has the id or name "${key}"`)
  throw new BadRequest(`${field}: "${key}" is the name of ${found.length}, use the id`)
}

function text (value, field, emptyIsFine = false) {
  if (typeof value !== 'string' || (value === '' && !emptyIsFine)) throw new BadRequest(`${field}: text expected`)
  return value
}

function list (value, field) {
  if (!Array.isArray(value)) throw new BadRequest(`${field}: a list expected`)
  return value
}

function int32 (value, field) {
  if (!Number.isInteger(value) || value < 0 || value > MAX_INT32) throw new BadRequest(`${field}: a number from 0 expected`)
  return value
}

function number (value, names, field) {
  if (typeof value !== 'string') return int32(value, field)
  if (!Object.hasOwn(names, value)) throw new BadRequest(`${field}: a number, or one of ${Object.keys(names).join(', ')}`)
  return names[value]
}

function delay (value) {
  if (!Number.isInteger(value) || value < 0 || value > MAX_DELAY_MS) throw new BadRequest(`delay_ms: a whole number up to ${MAX_DELAY_MS}`)
  return value
}

/** Handed on as it is: real puppets give milliseconds, some give seconds, and a client must cope. */
function timestamp (value) {
  if (!Number.isInteger(value) || value < 0) throw new BadRequest('timestamp: a whole number (milliseconds, or seconds to act like some puppets)')
  return value
}
