import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inNetwork, literalReach, type Reach } from '../../src/registry/address.js'

/** The host as URL normalises it, which is what the function promises to understand. */
const hostOf = (text: string): string => new URL(`http://${text}/`).hostname

describe('literalReach', () => {
  const cases: Readonly<Record<Reach, readonly string[]>> = {
    loopback: [
      ...['127.0.0.1', '127.255.255.254', '2130706433', '0x7f000001', '0177.0.0.1', '127.1', '0.0.0.0', '0'],
      ...['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[2002:7f00:1::]'],
      ...['localhost', 'LOCALHOST', 'localhost.', 'registry.localhost'],
    ],
    'link-local': [
      '169.254.169.254',
      '[fe80::1]',
      '[febf::1]',
      '[::ffff:169.254.169.254]',
      '[fd00:ec2::254]',
      '0xA9FEA9FE',
    ],
    private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '[fc00::1]', '[fd12:3456::1]'],
    public: ['8.8.8.8', '172.32.0.1', '172.15.0.1', '100.128.0.1', '192.169.0.1', '[2001:db8::1]', '[2606:4700::1111]'],
  }
  for (const [reach, hosts] of Object.entries(cases)) {
    for (const host of hosts) it(`${host} is ${reach}`, () => assert.equal(literalReach(hostOf(host)), reach))
  }

  for (const name of [
    'registry.example',
    'localhost.example',
    'notlocalhost',
    '127.0.0.1.nip.io',
    '1.2.3.4.5',
    '[x',
    '',
  ]) {
    it(`says nothing about ${JSON.stringify(name)}`, () => assert.equal(literalReach(name), undefined))
  }

  it('takes addresses as DNS gives them, without brackets and with a zone', () => {
    assert.equal(literalReach('::1'), 'loopback')
    assert.equal(literalReach('fe80::1%eth0'), 'link-local')
    assert.equal(literalReach('::ffff:10.0.0.1'), 'private')
  })

  for (const text of ['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '::12345', '::1.2.3.999']) {
    it(`takes ${text} for no address`, () => assert.equal(literalReach(text), undefined))
  }
})

describe('inNetwork', () => {
  for (const [address, network, expected] of [
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['192.168.1.129', '192.168.1.128/25', true],
    ['192.168.1.127', '192.168.1.128/25', false],
    ['1.2.3.4', '0.0.0.0/0', true],
    ['1.2.3.4', '1.2.3.4/32', true],
    ['1.2.3.5', '1.2.3.4/32', false],
    ['[fd00::1]', 'fd00::/8', true],
    ['[fe80::1]', 'fd00::/8', false],
    ['10.1.2.3', 'fd00::/8', false],
    ['10.1.2.3', '10.0.0.0/33', false],
    ['10.1.2.3', '10.0.0.0', false],
    ['10.1.2.3', '10.0.0.0/x', false],
    ['registry.example', '0.0.0.0/0', false],
  ] as const) {
    it(`${address} is ${expected ? '' : 'not '}in ${network}`, () =>
      assert.equal(inNetwork(address, network), expected))
  }
})
