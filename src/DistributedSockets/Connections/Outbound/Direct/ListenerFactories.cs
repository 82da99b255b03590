using System.Collections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>
/// The transports that a server is given, whenever they were registered, with a <see cref="NotingListenerFactory"/> before Kestrel's own
/// for sockets. Of another one nobody can say whether its pipes lead to a socket unchanged.
/// </summary>
internal sealed class ListenerFactories : IEnumerable<IConnectionListenerFactory>, IDisposable
{
    private readonly IConnectionListenerFactory[] _factories;
    private readonly List<IConnectionListenerFactory> _own = [];

    private ListenerFactories(IServiceProvider provider, IServiceCollection services)
    {
        var registered = services.Where(static service => service.ServiceType == typeof(IConnectionListenerFactory) && !service.IsKeyedService).ToArray();
        _factories = new IConnectionListenerFactory[registered.Length];
        for (var i = 0; i < registered.Length; i++)
        {
            var factory = i == registered.Length - 1 ? provider.GetRequiredService<IConnectionListenerFactory>() : Create(provider, registered[i]);
            _factories[i] = factory is SocketTransportFactory sockets ? new NotingListenerFactory(sockets) : factory;
        }
    }

    /// <summary>Answers the server's request for all of them, which the service provider would put together otherwise.</summary>
    /// <param name="services">What is registered; read when the server is made.</param>
    internal static void Decorate(IServiceCollection services)
    {
        if (!services.Any(static service => service.ServiceType == typeof(IEnumerable<IConnectionListenerFactory>)))
        {
            services.AddSingleton<IEnumerable<IConnectionListenerFactory>>(provider => new ListenerFactories(provider, services));
        }
    }

    public IEnumerator<IConnectionListenerFactory> GetEnumerator() => ((IEnumerable<IConnectionListenerFactory>)_factories).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose()
    {
        foreach (var factory in _own)
        {
            (factory as IDisposable)?.Dispose();
        }
    }

    /// <summary>Makes one that the provider gives only together with the others.</summary>
    private IConnectionListenerFactory Create(IServiceProvider provider, ServiceDescriptor service)
    {
        if (service.ImplementationInstance is IConnectionListenerFactory given)
        {
            return given;
        }

        var made = (IConnectionListenerFactory)(service.ImplementationFactory?.Invoke(provider)
            ?? ActivatorUtilities.CreateInstance(provider, service.ImplementationType!)); // one of the two is set
        _own.Add(made);
        return made;
    }
}
