import { generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'

const day = 24 * 60 * 60 * 1000

function certificate(keys, subject, issuer, extensions) {
  const made = forge.pki.createCertificate()
  made.publicKey = keys.public
  // A leading zero keeps the number positive.
  made.serialNumber = `00${randomBytes(15).toString('hex')}`
  // A day back: clocks of a test may be set back too.
  made.validity.notBefore = new Date(Date.now() - day)
  made.validity.notAfter = new Date(Date.now() + 30 * day)
  made.setSubject([{ name: 'commonName', value: subject }])
  made.setIssuer([{ name: 'commonName', value: issuer }])
  made.setExtensions(extensions)
  made.sign(keys.private, forge.md.sha256.create())
  return forge.pki.certificateToPem(made)
}

/** A certificate authority for one run and a certificate of it for `hosts`, all as PEM. The key is to leave this process never. */
export async function makeCertificates(hosts) {
  // One key for both: to make another takes seconds on a busy machine, and who has this one is GitHub already.
  const pem = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const keys = { public: forge.pki.publicKeyFromPem(pem.publicKey), private: forge.pki.privateKeyFromPem(pem.privateKey) }
  const name = 'clone-smoke fake GitHub'
  return {
    authority: certificate(keys, name, name, [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ]),
    certificate: certificate(keys, hosts[0], name, [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2, value })) },
    ]),
    key: pem.privateKey,
  }
}
