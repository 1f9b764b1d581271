import { createRequire as bundleRequire } from 'node:module';

const require = bundleRequire(import.meta.url);
// sodium-native looks for its addon with a package that needs ten times as long as the addon itself to load.
require.addon = () =>
  require(`sodium-native/prebuilds/${process.platform}-${process.arch}/sodium-native.node`);
const __filename = '';
