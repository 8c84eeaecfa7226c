# Puts sources together that are compiled as one. V8's build asks for this program (v8/gni/cluster_build.gni), and the
# crate doesn't have it.
#
#   --compute-filenames SOURCE...   prints the names of the files that will be made
#   --generate SOURCE...            makes them: each includes its sources
#
# A cluster has sources of one folder. Those that end in -tsa.cc need another set of definitions and stay among themselves.

import argparse
import os


def clusters(options):
    groups = {}
    for source in options.sources:
        group = (os.path.dirname(source), source.endswith('-tsa.cc'))
        groups.setdefault(group, []).append(source)
    found = []
    for (folder, _), sources in groups.items():
        small = any(folder == name or folder.endswith('/' + name) or f'/{name}/' in folder + '/'
                    for name in options.small_cluster_dirs)
        size = max(1, options.small_cluster_size if small else options.cluster_size)
        found += [sources[at:at + size] for at in range(0, len(sources), size)]
    return [(f'{options.prefix}_cluster_{number}.cc', sources) for number, sources in enumerate(found)]


def include(source, options):
    if options.strip_prefix and source.startswith(options.strip_prefix):
        return source[len(options.strip_prefix):]
    return options.include_prefix + source


def write(path, text):
    try:
        with open(path) as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)


parser = argparse.ArgumentParser()
parser.add_argument('--compute-filenames', action='store_true')
parser.add_argument('--generate', action='store_true')
parser.add_argument('--output-dir', default='.')
parser.add_argument('--prefix', default='cluster')
parser.add_argument('--cluster-size', type=int, default=10)
parser.add_argument('--small-cluster-size', type=int, default=5)
parser.add_argument('--small-cluster-dirs', action='append', default=[])
parser.add_argument('--include-prefix', default='')
parser.add_argument('--strip-prefix', default='')
parser.add_argument('sources', nargs='*')
options = parser.parse_intermixed_args()
for name, sources in clusters(options):
    if options.compute_filenames:
        print(name)
    if options.generate:
        lines = [f'#include "{include(source, options)}"\n' for source in sources]
        write(os.path.join(options.output_dir, name), ''.join(lines))
