"""Every rpc of the service PluginAPI, by domain and by the name of its method."""
