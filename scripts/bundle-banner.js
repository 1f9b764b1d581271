import { createRequire as bundleRequire } from 'node:module';

const require = bundleRequire(import.meta.url);
// sodium-native looks for its addon with a package that needs ten times as long as the addon itself to load.
require.addon = () => {
  const file = `prebuilds/${process.platform}-${process.arch}/sodium-native.node`;
  try {
    return require(`../../${file}`);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return require(`sodium-native/${file}`);
  }
};
const __filename = '';
