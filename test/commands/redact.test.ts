import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { redact } from '../../src/commands/redact.js'

const CANARY = 'c4nary-S3cret.x'

describe('redact', () => {
  const texts = [
    `GET https://user:${CANARY}@registry.example.com/v2/`,
    `GET https://${CANARY}@registry.example.com/v2/`,
    `redirected to https://cdn.example.com/blob?X-Amz-Signature=${CANARY}&x=1 after 1 hop`,
    `authorization: Bearer ${CANARY}`,
    `Authorization: Basic ${CANARY}==`,
    `{"token":"${CANARY}"}`,
    `{"access_token": "${CANARY}", "identitytoken": "${CANARY}"}`,
    `refresh_token=${CANARY}&service=x`,
    `password = ${CANARY}`,
    `Cookie: ${CANARY}`,
    `http://proxy:${CANARY}@proxy.example.com:3128`,
  ]
  for (const text of texts) {
    it(`hides the secret in ${text.replaceAll(CANARY, '…')}`, () => {
      assert.ok(!redact(text).includes(CANARY), redact(text))
    })
  }

  it('keeps what helps to find the fault', () => {
    assert.equal(
      redact('connect ECONNREFUSED https://cdn.example.com:443/v2/a/blobs/x?sig=1 (try 2)'),
      'connect ECONNREFUSED https://cdn.example.com:443/v2/a/blobs/x?[redacted] (try 2)',
    )
    for (const text of [
      'plain text',
      'docker.io/library/alpine@sha256:abc',
      'at run (file:///app/dist/src/cli.js:3:1)',
    ]) {
      assert.equal(redact(text), text)
    }
  })
})
