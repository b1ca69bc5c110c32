from mmseg.engine.provenance import environment


def test_an_environment_names_versions_threads_and_seed():
    found = environment(7)
    assert {'python', 'torch', 'timm', 'numpy', 'processor', 'cpu_threads'} < found.keys()
    assert (found['seed'], found['gpu']) == ('7', 'none')


def test_without_a_gpu_its_library_is_not_loaded_for_the_version():
    assert 'cudnn' not in environment(0)
