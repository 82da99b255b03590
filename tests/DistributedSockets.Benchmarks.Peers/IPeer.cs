namespace DistributedSockets.Benchmarks.Peers;

/// <summary>A server that does what the test node does, in its own way, at <c>/ws?u=USER&amp;g=G1,G2</c>.</summary>
internal interface IPeer
{
    void ConfigureServices(IServiceCollection services);

    void Map(WebApplication app);
}
