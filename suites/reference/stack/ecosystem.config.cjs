const { join } = require('node:path')

const stateHome = process.env.STACK_STATE_HOME || join(process.env.STACK_CONFIG_HOME, '.state')
const proxy = process.env.PROXY_DIR || join(__dirname, '..', 'proxy')

module.exports = {
  apps: [
    {
      name: 'reference-proxy',
      // Relative: pm2 takes a script with a space in its path for a shell command.
      script: './server.mjs',
      cwd: proxy,
      interpreter: process.execPath,
      env: {
        PROXY_CONFIG: join(stateHome, 'proxy.json'),
        // Every message of the proxy, for whoever looks for a fault.
        PROXY_DEBUG_LOG: process.env.STACK_DEBUG === '1' ? join(stateHome, 'proxy-debug.log') : '',
      },
      // A proxy that cannot start must not be started for ever.
      max_restarts: 3,
      min_uptime: 1000,
      kill_timeout: 3000,
      merge_logs: true,
      out_file: join(process.env.PM2_HOME, 'logs', 'reference-proxy-out.log'),
      error_file: join(process.env.PM2_HOME, 'logs', 'reference-proxy-error.log'),
    },
  ],
}
