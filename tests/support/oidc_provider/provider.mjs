// oidc-provider as the authorization server of one MCP server: dynamic registration, PKCE, resource indicators.
// Usage: node provider.mjs PORT RESOURCE SCOPES
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, resource, scope] = process.argv.slice(2);
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const log = (event, value) => console.log(JSON.stringify({ event, ...value }));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...key, kid: 'first', use: 'sig', alg: 'ES256' }] },
  cookies: { keys: ['only for tests'] },
  pkce: { required: () => true },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, asked) => {
        if (asked !== resource) throw new Error(`unknown resource ${asked}`);
        return { scope, audience: asked, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } } };
      },
    },
  },
});
// The client registers with the scope that it needs at first, and would be refused others: like other servers, leave
// the scope of the registration open (RFC 7591, section 2: the server may ignore it).
provider.use(async (ctx, next) => {
  if (ctx.path === '/reg' && ctx.method === 'POST') {
    const chunks = [];
    for await (const chunk of ctx.req) chunks.push(chunk);
    const { scope: _, ...body } = JSON.parse(Buffer.concat(chunks));
    ctx.req.body = body;
  }
  await next();
});
provider.on('registration_create.success', (_, client) => log('registered', { client: client.clientId }));
provider.on('grant.success', (ctx) => {
  const { grant_type, resource, code_verifier } = ctx.oidc.params;
  log('granted', { grant_type, resource, pkce: Boolean(code_verifier) });
});
for (const failure of ['server_error', 'authorization.error', 'grant.error', 'registration_create.error']) {
  provider.on(failure, (_, error) => log(failure, { message: `${error.message} ${error.error_description ?? ''}` }));
}
provider.listen(Number(port), '127.0.0.1', () => log('listening', {}));
