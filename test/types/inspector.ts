import {
	type CpuProfile, type InspectorServer, InspectorSession, Isolate, serveInspector, type ThreadCpuProfile,
} from 'islet';

const isolate = new Isolate({ inspector: true });
isolate.createContextSync({ inspector: true });
{
	using session: InspectorSession = isolate.createInspectorSession();
	session.dispatchProtocolMessage('{}');
	session.onNotification = message => message.length;
	session.onResponse = (id, message) => message.length + id;
	session.onResponse = null;
	// @ts-expect-error messages are text
	session.dispatchProtocolMessage({ id: 1 });
	// @ts-expect-error the first argument is a number
	session.onResponse = (id: string) => id;
}
// @ts-expect-error only the library makes them
new InspectorSession();

isolate.startCpuProfiler('title');
// @ts-expect-error the title is missing
isolate.startCpuProfiler();
const profiles: Promise<ThreadCpuProfile[]> = isolate.stopCpuProfiler('title');
const profile: Promise<CpuProfile | undefined> = profiles.then(([first]) => first?.profile);

const server: Promise<InspectorServer> = serveInspector(isolate, { port: 9229 });
const closed: Promise<void> = server.then(({ port, close }) => port > 0 ? close() : undefined);
// @ts-expect-error a port is a number
serveInspector(isolate, { port: '9229' });
// @ts-expect-error the isolate is missing
serveInspector();
export { closed, profile };
