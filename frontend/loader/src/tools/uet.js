// Microsoft Advertising (UET): its one key, denied before the tag runs.

import { follow, named } from './shared.js';

const queue = (window.uetq ||= []);
const no = ['consent', 'default', { ad_storage: 'denied' }];
// Before the tag runs it is a list; then it is the tag's own, which takes `push` alone.
queue.unshift ? queue.unshift(...no) : queue.push(...no);

follow(named('uet'), ({ uet }) => window.uetq.push('consent', 'update', { ad_storage: uet }));
